/* Packing: laying a matrix out as this machine's matrix kernels read it. For tools that prepare
 * files; a program that runs models needs none of this, since linnet_model_open packs what the file
 * does not hold packed. C99. All calls may be made from any thread.
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
  LINNET_MATRIX_INT8 = 3,
  LINNET_MATRIX_INT4 = 4
} linnet_matrix_type;

/* A matrix as a file stores it plainly, [outputs, inputs], row-major. The pointers stay the
 * caller's and are read during the call only. */
typedef struct linnet_matrix {
  linnet_matrix_type type;
  size_t outputs;
  size_t inputs;
  size_t block;       /* int4: values per scale along a row, a multiple of 32; 0: one per row */
  const void* values; /* float, int8_t, or two int4 per byte: (nibble - 8) * scale, low first */
  const void* scales; /* int8, int4: float [outputs], or bfloat16 [outputs, inputs / block] */
  const float* bias;  /* [outputs], or NULL */
} linnet_matrix;

/* Bytes that linnet_pack writes for a matrix of this type and these sizes. The pointers may be
 * NULL. */
LINNET_API linnet_status linnet_packed_bytes(const linnet_matrix* matrix, size_t* bytes,
                                             linnet_message* why);

/* Packs a matrix into `packed`: linnet_packed_bytes, 64-byte aligned. */
LINNET_API linnet_status linnet_pack(const linnet_matrix* matrix, void* packed, size_t bytes,
                                     linnet_message* why);

/* A number that tells the layouts of different processors and versions apart: matrices of this type
 * and block that were packed where it was the same can be used here. */
LINNET_API linnet_status linnet_packed_layout(linnet_matrix_type type, size_t block,
                                              uint64_t* layout, linnet_message* why);

/* This machine's architecture and instruction set, for people. */
LINNET_API const char* linnet_processor(void);

#ifdef __cplusplus
}
#endif

#endif /* LINNET_PACK_H */
