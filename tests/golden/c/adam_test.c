/* Tests adam.c: cc -std=c99 -O2 adam.c adam_test.c -lm && ./a.out */
#include "adam.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>

enum { ARRAYS = 2, STEPS = 3, MOST = 7 };

static const int64_t sizes[ARRAYS] = {7, 3};
static adam_param x[ARRAYS][MOST] = {
    {0.126, -0.132, 0.64, 0.105, -0.536, 0.362, 1.304},
    {0.947, -0.704, -1.265},
};
static const adam_grad g[STEPS][ARRAYS][MOST] = {
    {
        {-0.623, 0.041, -2.325, -0.219, -1.246, -0.732, -0.544},
        {-0.316, 0.412, 1.043},
    },
    {
        {-0.129, 1.366, -0.665, 0.352, 0.903, 0.094, -0.743},
        {-0.922, -0.458, 0.22},
    },
    {
        {-1.01, -0.209, -0.159, 0.541, 0.215, 0.355, -0.654},
        {-0.13, 0.784, 1.493},
    },
};
static adam_real m[ARRAYS][MOST]; /* a slot, begins as 0.0 */
static adam_real v[ARRAYS][MOST]; /* a slot, begins as 0.0 */
static const double wanted[ARRAYS][MOST] = {
    {0.128680031, -0.134250974, 0.642545688, 0.105084048, -0.534901939, 0.36368946, 1.30699399},
    {0.949711405, -0.705346786, -1.26769261},
};

int main(void) {
    adam_hypers h = {0.001, 0.9, 0.999, 1e-08};
    adam_array arrays[ARRAYS];
    int wrong = 0;
    for (int t = 1; t <= STEPS; t++) {
        for (int k = 0; k < ARRAYS; k++) {
            arrays[k].size = sizes[k];
            arrays[k].t = t;
            arrays[k].x = x[k];
            arrays[k].g = g[t - 1][k];
            arrays[k].m = m[k];
            arrays[k].v = v[k];
        }
        adam_step(&h, arrays, ARRAYS);
    }
    for (int k = 0; k < ARRAYS; k++) {
        for (int i = 0; i < sizes[k]; i++) {
            const double got = x[k][i], want = wanted[k][i];
            if (fabs(got - want) <= 1e-5 * fabs(want) + 1e-7) continue;
            printf("array %d, element %d: %.9g, expected %.9g\n", k, i, got, want);
            wrong++;
        }
    }
    printf("adam: %d steps of %d arrays, %d elements wrong\n", STEPS, ARRAYS, wrong);
    return wrong != 0;
}
