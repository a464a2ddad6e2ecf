// Reads memory as fast as it can be read: `threads` threads add up a stretch of floats each.

#include <pthread.h>
#include <stddef.h>

enum { MOST_THREADS = 64, LANES = 128 };

struct stretch {
  const float *from;
  size_t count;
  float sum;
};

static void *add_up(void *given) {
  struct stretch *s = given;
  // Sums side by side, which a compiler turns into vector registers; one sum would wait for itself.
  float sums[LANES] = {0};
  for (size_t i = 0; i + LANES <= s->count; i += LANES)
    for (int k = 0; k < LANES; k++) sums[k] += s->from[i + k];
  for (int k = 0; k < LANES; k++) s->sum += sums[k];
  return NULL;
}

float read_all(const float *from, size_t count, int threads) {
  struct stretch parts[MOST_THREADS];
  pthread_t others[MOST_THREADS];
  size_t share = count / threads;
  for (int i = 0; i < threads; i++) parts[i] = (struct stretch){from + i * share, share, 0};
  for (int i = 1; i < threads; i++) pthread_create(&others[i], NULL, add_up, &parts[i]);
  add_up(&parts[0]);
  float sum = parts[0].sum;
  for (int i = 1; i < threads; i++) {
    pthread_join(others[i], NULL);
    sum += parts[i].sum;
  }
  return sum;
}
