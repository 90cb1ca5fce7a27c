#ifndef ADASPEC_PRODIGY_H
#define ADASPEC_PRODIGY_H

#include <stdint.h>

/* How parameters and gradients are stored: -DPARAM=FLOAT64 and the like. All arithmetic is in
   prodigy_real. With -DMAXIMIZE a step goes up the gradient. */
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
} prodigy_half;

#if PARAM == FLOAT64
typedef double prodigy_real;
#else
typedef float prodigy_real;
#endif

#if PARAM == FLOAT16 || PARAM == BFLOAT16
typedef prodigy_half prodigy_param;
#else
typedef prodigy_real prodigy_param;
#endif

#if GRAD == FLOAT16 || GRAD == BFLOAT16
typedef prodigy_half prodigy_grad;
#elif GRAD == FLOAT64
typedef double prodigy_grad;
#else
typedef float prodigy_grad;
#endif

/* Hyperparameters, and where each lies. */
typedef struct {
    double lr; /* Rate, default 1.0 */
    double beta1; /* Decay, default 0.9 */
    double beta2; /* Decay, default 0.999 */
    double eps; /* Positive, default 1e-08 */
    double d0; /* Positive, default 1e-06 */
    double weight_decay; /* Rate, default 0.0 */
} prodigy_hypers;

/* What is one number for the whole model; `step` is the count of this step, from 1. */
typedef struct {
    double step;
    double r; /* begins as 0.0 */
    double growth; /* begins as 1.0 */
} prodigy_shared;

/* One parameter with what belongs to it: arrays of `size` elements, which do not overlap. */
typedef struct {
    int64_t size;
    int64_t t; /* this update of it: 1 at its first */
    prodigy_param *x; /* the parameter */
    const prodigy_grad *g; /* its gradient */
    prodigy_real *x0; /* a slot, begins as a copy of the parameter */
    prodigy_real *m; /* a slot, begins as 0.0 */
    prodigy_real *v; /* a slot, begins as 0.0 */
    prodigy_real *s_; /* a slot, begins as 0.0 */
} prodigy_array;

/* How many doubles `sums` has to hold; what they are does not matter. */
int64_t prodigy_sums(const prodigy_array *arrays, int64_t count);

/* One step of all arrays, in place. */
void prodigy_step(
    const prodigy_hypers *h, prodigy_shared *s, const prodigy_array *arrays, int64_t count, double *sums
);

/* The same on threads: 2 passes, one after the other, then the end. The parts 0, 1, ... of `parts` run at the same time. */
void prodigy_pass(
    const prodigy_hypers *h, prodigy_shared *s, const prodigy_array *arrays, int64_t count, double *sums,
    int64_t pass, int64_t part, int64_t parts
);
void prodigy_end(
    const prodigy_hypers *h, prodigy_shared *s, const prodigy_array *arrays, int64_t count, double *sums
);

#endif
