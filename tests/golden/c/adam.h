#ifndef ADASPEC_ADAM_H
#define ADASPEC_ADAM_H

#include <stdint.h>

/* How parameters and gradients are stored: -DPARAM=FLOAT64 and the like. All arithmetic is in
   adam_real. With -DMAXIMIZE a step goes up the gradient. */
#define FLOAT32 0
#define FLOAT64 1
#define FLOAT16 2
#define BFLOAT16 3
#ifndef PARAM
#define PARAM FLOAT32
#endif
#ifndef GRAD
#define GRAD PARAM
#endif

/* A number in half the bits of a float. */
typedef struct {
    uint16_t bits;
} adam_half;

#if PARAM == FLOAT64
typedef double adam_real;
#else
typedef float adam_real;
#endif

#if PARAM == FLOAT16 || PARAM == BFLOAT16
typedef adam_half adam_param;
#else
typedef adam_real adam_param;
#endif

#if GRAD == FLOAT16 || GRAD == BFLOAT16
typedef adam_half adam_grad;
#elif GRAD == FLOAT64
typedef double adam_grad;
#else
typedef float adam_grad;
#endif

/* Hyperparameters, and where each lies. */
typedef struct {
    double lr; /* Rate, default 0.001 */
    double beta1; /* Decay, default 0.9 */
    double beta2; /* Decay, default 0.999 */
    double eps; /* Positive, default 1e-08 */
} adam_hypers;

/* One parameter with what belongs to it: arrays of `size` elements, which do not overlap. */
typedef struct {
    int64_t size;
    int64_t t; /* this update of it: 1 at its first */
    adam_param *x; /* the parameter */
    const adam_grad *g; /* its gradient */
    adam_real *m; /* a slot, begins as 0.0 */
    adam_real *v; /* a slot, begins as 0.0 */
} adam_array;

/* One step of all arrays, in place. */
void adam_step(const adam_hypers *h, const adam_array *arrays, int64_t count);

/* The same for part 0, 1, ... of `parts`: each on a thread of its own. */
void adam_part(const adam_hypers *h, const adam_array *arrays, int64_t count, int64_t part, int64_t parts);

#endif
