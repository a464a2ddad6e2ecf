// Words of the random stream, computed from the published form of lowbias32 in Python's unbounded integers
// (masked to 32 bits), so that neither Node nor a browser is its own judge.

/** Counters at the ends of 32-bit arithmetic, where signed and unsigned part. */
export const COUNTERS = [0, 1, 2, 1000, 0x7fffffff, 0x80000000, 0xffffffff] as const;

/** By seed, the word at each of `COUNTERS`. */
export const WORDS: readonly (readonly [seed: number, words: readonly number[]])[] = [
  [0, [2926543089, 3818772927, 1864879796, 3933451819, 3764945471, 2910044769, 584422765]],
  [1, [1492470133, 0, 1736833618, 1049065405, 4048200821, 2360752281, 1859829568]],
  [42, [172956042, 1122133600, 3063783015, 2008188903, 3977214356, 3174007333, 2093700243]],
  [
    0xdeadbeef,
    [3543008921, 1191763254, 2503720516, 3028718577, 1935898008, 1925062676, 2586159814],
  ],
  [0xffffffff, [3771688826, 0, 3847133236, 3625801447, 3395739763, 4243488611, 1859829568]],
];
