/* Packing: laying a matrix out as the matrix kernels of this machine, or of another, read it. For
 * tools that prepare files; a program that runs models needs none of this, since linnet_model_open
 * packs what the file does not hold packed. C99. All calls may be made from any thread.
 */
#ifndef LINNET_PACK_H
#define LINNET_PACK_H

#include <linnet/linnet.h>

#ifdef __cplusplus
extern "C" {
#endif

/* The types of weights that are packed; the numbers are those of the file format. */
typedef enum linnet_matrix_type {
  LINNET_MATRIX_F32 = 0,
  LINNET_MATRIX_F16 = 1,
  LINNET_MATRIX_INT8 = 3,
  LINNET_MATRIX_INT4 = 4
} linnet_matrix_type;

/* A matrix as a file stores it plainly, [outputs, inputs], row-major. The pointers stay the
 * caller's and are read during the call only. */
typedef struct linnet_matrix {
  linnet_matrix_type type;
  size_t outputs;
  size_t inputs;
  size_t block; /* values per scale along a row; 0: one per row. int8: a multiple of 256, the
                   last block of a row may be shorter; int4: of 32, and divides a row */
  const void*
      values; /* float, binary16, int8_t, or two int4 per byte: (nibble - 8) * scale, low first */
  const void* scales; /* float [outputs], or [outputs, blocks]: of int8 float, of int4 bfloat16 */
  const float* bias;  /* [outputs], or NULL */
} linnet_matrix;

/* The name of a kind of processors that matrices can be packed for on every machine, such as
 * "arm64-dotprod"; NULL for an index beyond the last. Lives forever. */
LINNET_API const char* linnet_pack_target(size_t index);

/* In the calls below a target is one of these names, or NULL: this machine. */

/* Bytes that linnet_pack writes for a matrix of this type and these sizes. The pointers may be
 * NULL. */
LINNET_API linnet_status linnet_packed_bytes(const linnet_matrix* matrix, const char* target,
                                             size_t* bytes, linnet_message* why);

/* Packs a matrix into `packed`: linnet_packed_bytes, 64-byte aligned. */
LINNET_API linnet_status linnet_pack(const linnet_matrix* matrix, const char* target, void* packed,
                                     size_t bytes, linnet_message* why);

/* A number that tells the layouts of different processors and versions apart: matrices of this type
 * and block can be used where it is the same as for what they were packed for. */
LINNET_API linnet_status linnet_packed_layout(linnet_matrix_type type, size_t block,
                                              const char* target, uint64_t* layout,
                                              linnet_message* why);

/* This machine's architecture and instruction set, for people. */
LINNET_API const char* linnet_processor(void);

#ifdef __cplusplus
}
#endif

#endif /* LINNET_PACK_H */
