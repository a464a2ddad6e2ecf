/**
 * The merges of a BPE vocabulary for which only the order of its tokens is known.
 *
 * Every way to make a token of two others is a merge; they have the order of the tokens they make, then of their parts' ids.
 *
 * @param vocabulary - id by token
 * @param order - the tokens, first made first
 */
export function mergesOf(
  vocabulary: ReadonlyMap<string, number>,
  order: readonly string[],
): [left: string, right: string][] {
  // a damaged file may hold a token as long as itself, which has more places to cut than there are tokens
  const lengths = new Set([...vocabulary.keys()].map((token) => token.length));
  return order.flatMap((token) => {
    const ways: { left: string; right: string; ids: [number, number] }[] = [];
    for (const at of lengths) {
      if (at === 0 || !lengths.has(token.length - at)) continue;
      const left = token.slice(0, at);
      const right = token.slice(at);
      const ids = [vocabulary.get(left), vocabulary.get(right)];
      if (!ids.includes(undefined)) ways.push({ left, right, ids: ids as [number, number] });
    }
    ways.sort((a, b) => a.ids[0] - b.ids[0] || a.ids[1] - b.ids[1]);
    return ways.map(({ left, right }): [string, string] => [left, right]);
  });
}
