/* Measuring: what tools want to know of the work that sessions do. A program that runs models needs
 * none of this. C99.
 */
#ifndef LINNET_MEASURE_H
#define LINNET_MEASURE_H

#include <linnet/linnet.h>

#ifdef __cplusplus
extern "C" {
#endif

/* How often runs on the calling thread have woken a session's other threads and waited for them,
 * since the thread began: take the difference around a run. */
LINNET_API uint64_t linnet_fork_joins(void);

#ifdef __cplusplus
}
#endif

#endif /* LINNET_MEASURE_H */
