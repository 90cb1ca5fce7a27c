#ifndef ADASPEC_LAMB_H
#define ADASPEC_LAMB_H

#include <stdint.h>

/* How parameters and gradients are stored: -DPARAM=FLOAT64 and the like. All arithmetic is in
   lamb_real. With -DMAXIMIZE a step goes up the gradient. */
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
} lamb_half;

#if PARAM == FLOAT64
typedef double lamb_real;
#else
typedef float lamb_real;
#endif

#if PARAM == FLOAT16 || PARAM == BFLOAT16
typedef lamb_half lamb_param;
#else
typedef lamb_real lamb_param;
#endif

#if GRAD == FLOAT16 || GRAD == BFLOAT16
typedef lamb_half lamb_grad;
#elif GRAD == FLOAT64
typedef double lamb_grad;
#else
typedef float lamb_grad;
#endif

/* Hyperparameters, and where each lies. */
typedef struct {
    double lr; /* Rate, default 0.001 */
    double beta1; /* Decay, default 0.9 */
    double beta2; /* Decay, default 0.999 */
    double eps; /* Positive, default 1e-06 */
    double weight_decay; /* Rate, default 0.0 */
} lamb_hypers;

/* One parameter with what belongs to it: arrays of `size` elements, which do not overlap. */
typedef struct {
    int64_t size;
    int64_t t; /* this update of it: 1 at its first */
    lamb_param *x; /* the parameter */
    const lamb_grad *g; /* its gradient */
    lamb_real *m; /* a slot, begins as 0.0 */
    lamb_real *v; /* a slot, begins as 0.0 */
} lamb_array;

/* How many doubles `sums` has to hold; what they are does not matter. */
int64_t lamb_sums(const lamb_array *arrays, int64_t count);

/* One step of all arrays, in place. */
void lamb_step(const lamb_hypers *h, const lamb_array *arrays, int64_t count, double *sums);

/* The same on threads: 2 passes, one after the other. The parts 0, 1, ... of `parts` run at the same time. */
void lamb_pass(
    const lamb_hypers *h, const lamb_array *arrays, int64_t count, double *sums, int64_t pass, int64_t part,
    int64_t parts
);

#endif
