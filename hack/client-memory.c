// memcpy, memmove and memcmp for the static client. Those of musl copy some bytes by an instruction that takes longer to begin
// than most copies take, and compare byte by byte; those of glibc come with a start that asks the processor so much about itself
// that in a virtual machine a small project takes a quarter longer.
#include <stddef.h>
#include <stdint.h>

// A loop that copies must not become a call of the function that it is in.
#pragma GCC optimize("no-tree-loop-distribute-patterns")

// Wherever they lie, and whatever lies there.
typedef uint16_t two __attribute__((aligned(1), may_alias));
typedef uint32_t four __attribute__((aligned(1), may_alias));
typedef uint64_t eight __attribute__((aligned(1), may_alias));
typedef char sixteen __attribute__((vector_size(16), aligned(1), may_alias));

// From how many bytes on the processor's own loop is the faster one, unless the target overlaps what is still to be read.
enum { LONG = 2048 };

// The first and the last part of a text, which overlap unless it is twice as long. Both are read before one is written, for the
// target may overlap as well.
#define ENDS(type)                                                  \
  do {                                                              \
    type first = *(const type *)from;                               \
    type last = *(const type *)(from + length - sizeof(type));      \
    *(type *)to = first;                                            \
    *(type *)(to + length - sizeof(type)) = last;                   \
    return target;                                                  \
  } while (0)

void *memmove(void *target, const void *source, size_t length) {
  char *to = target;
  const char *from = source;
  if (length <= 16) {
    if (length >= 8) ENDS(eight);
    if (length >= 4) ENDS(four);
    if (length >= 2) ENDS(two);
    if (length) *to = *from;
    return target;
  }
  if (length <= 32) ENDS(sixteen);
  sixteen first = *(const sixteen *)from, second = *(const sixteen *)(from + 16);
  sixteen last = *(const sixteen *)(from + length - 16), last_but_one = *(const sixteen *)(from + length - 32);
  if (length > 64) {
    if ((uintptr_t)to - (uintptr_t)from >= length) {
      if (length >= LONG && (uintptr_t)from - (uintptr_t)to >= length) {
        __asm__ volatile("rep movsb" : "+D"(to), "+S"(from), "+c"(length) : : "memory");
        return target;
      }
      for (size_t at = 32; at < length - 32; at += 32) {
        sixteen one = *(const sixteen *)(from + at), other = *(const sixteen *)(from + at + 16);
        *(sixteen *)(to + at) = one;
        *(sixteen *)(to + at + 16) = other;
      }
    } else {
      // The target overlaps the rest of the source, which is thus read from its end on.
      sixteen third = *(const sixteen *)(from + 32), fourth = *(const sixteen *)(from + 48);
      for (size_t end = length - 32; end > 64; end -= 32) {
        size_t at = end - 32;
        sixteen one = *(const sixteen *)(from + at), other = *(const sixteen *)(from + at + 16);
        *(sixteen *)(to + at) = one;
        *(sixteen *)(to + at + 16) = other;
      }
      *(sixteen *)(to + 32) = third;
      *(sixteen *)(to + 48) = fourth;
    }
  }
  *(sixteen *)to = first;
  *(sixteen *)(to + 16) = second;
  *(sixteen *)(to + length - 32) = last_but_one;
  *(sixteen *)(to + length - 16) = last;
  return target;
}

void *memcpy(void *restrict target, const void *restrict source, size_t length) __attribute__((alias("memmove")));

// Which of two parts of a text comes first, if they differ.
#define DIFFER(type, in_order)                                                  \
  do {                                                                          \
    type one = *(const type *)(left + at), other = *(const type *)(right + at); \
    if (one != other) return in_order(one) < in_order(other) ? -1 : 1;          \
  } while (0)

// Compares part by part; the last one overlaps the one before unless the length is a multiple of a part's.
#define COMPARE(type, in_order)                                                          \
  do {                                                                                   \
    size_t at = 0;                                                                       \
    for (; at < length - sizeof(type); at += sizeof(type)) DIFFER(type, in_order);       \
    at = length - sizeof(type);                                                          \
    DIFFER(type, in_order);                                                              \
    return 0;                                                                            \
  } while (0)

int memcmp(const void *one_text, const void *other_text, size_t length) {
  const unsigned char *left = one_text, *right = other_text;
  if (length >= 8) COMPARE(eight, __builtin_bswap64);
  if (length >= 4) COMPARE(four, __builtin_bswap32);
  for (size_t at = 0; at < length; at++) {
    if (left[at] != right[at]) return left[at] < right[at] ? -1 : 1;
  }
  return 0;
}

int bcmp(const void *one_text, const void *other_text, size_t length) __attribute__((alias("memcmp")));
