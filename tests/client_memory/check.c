// Compares the functions of hack/client-memory.c, whose names begin with `ours_` here, with those of the C library. Says what
// differs, and exits with 1 then.
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

void *ours_memmove(void *target, const void *source, size_t length);
void *ours_memcpy(void *target, const void *source, size_t length);
int ours_memcmp(const void *left, const void *right, size_t length);
int ours_bcmp(const void *left, const void *right, size_t length);

enum { ROOM = 16384 };
static unsigned char expected[ROOM], found[ROOM], other[ROOM];

static void fail(const char *function, size_t length, size_t from, size_t to) {
  printf("%s of %zu bytes from %zu to %zu\n", function, length, from, to);
  exit(1);
}

static void fill(size_t room) {
  for (size_t i = 0; i < room; i++) expected[i] = found[i] = (unsigned char)rand();
}

// What lies around the target has to stay as it is, too.
static void move(size_t length, size_t from, size_t to, size_t room) {
  fill(room);
  memmove(expected + to, expected + from, length);
  if (ours_memmove(found + to, found + from, length) != found + to) fail("the result of memmove", length, from, to);
  if (memcmp(expected, found, room)) fail("memmove", length, from, to);
}

static void copy(size_t length, size_t from, size_t to) {
  fill(ROOM);
  memcpy(other, found, ROOM);
  memcpy(expected + to, other + from, length);
  if (ours_memcpy(found + to, other + from, length) != found + to) fail("the result of memcpy", length, from, to);
  if (memcmp(expected, found, ROOM)) fail("memcpy", length, from, to);
}

static int sign(int value) { return (value > 0) - (value < 0); }

// Texts that differ in no byte, and in one.
static void compare(size_t length, size_t left, size_t right) {
  for (size_t i = 0; i < length; i++) expected[left + i] = found[right + i] = (unsigned char)rand();
  if (ours_memcmp(expected + left, found + right, length)) fail("memcmp of the same", length, left, right);
  for (size_t at = 0; at < length; at++) {
    unsigned char before = found[right + at];
    found[right + at] ^= (unsigned char)(1 << rand() % 8);
    // Of what comes later, nothing matters.
    if (at + 1 < length) found[right + at + 1] ^= 0x80;
    int result = sign(memcmp(expected + left, found + right, length));
    if (sign(ours_memcmp(expected + left, found + right, length)) != result) fail("memcmp", length, left, right);
    if (!ours_bcmp(expected + left, found + right, length)) fail("bcmp", length, left, right);
    if (at + 1 < length) found[right + at + 1] ^= 0x80;
    found[right + at] = before;
  }
}

int main(void) {
  for (size_t length = 0; length <= 200; length++)
    for (size_t to = 0; to <= 420; to++) move(length, 210, to, 640);
  for (size_t length = 1900; length < 4300; length += 61)
    for (size_t to = 4000; to < 12000; to += to < 7930 || to > 8070 ? 389 : 7) move(length, 8000, to, ROOM);
  for (size_t length = 0; length < 2200; length += length < 300 ? 1 : 61)
    for (size_t at = 0; at < 9; at++) copy(length, at, 3 * at % 17);
  for (size_t length = 0; length < 150; length++)
    for (size_t at = 0; at < 9; at++) compare(length, at, 5 * at % 11);
  return 0;
}
