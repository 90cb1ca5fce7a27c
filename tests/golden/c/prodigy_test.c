/* Tests prodigy.c: cc -std=c99 -O2 prodigy.c prodigy_test.c -lm && ./a.out */
#include "prodigy.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>

enum { ARRAYS = 2, STEPS = 3, MOST = 7 };

static const int64_t sizes[ARRAYS] = {7, 3};
static prodigy_param x[ARRAYS][MOST] = {
    {0.126, -0.132, 0.64, 0.105, -0.536, 0.362, 1.304},
    {0.947, -0.704, -1.265},
};
static const prodigy_grad g[STEPS][ARRAYS][MOST] = {
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
static prodigy_real x0[ARRAYS][MOST]; /* a slot, begins as a copy of the parameter */
static prodigy_real m[ARRAYS][MOST]; /* a slot, begins as 0.0 */
static prodigy_real v[ARRAYS][MOST]; /* a slot, begins as 0.0 */
static prodigy_real s_[ARRAYS][MOST]; /* a slot, begins as 0.0 */
static const double wanted[ARRAYS][MOST] = {
    {0.12600268, -0.132002251, 0.640002546, 0.105000084, -0.535998902, 0.362001689, 1.30400299},
    {0.947002711, -0.704001347, -1.26500269},
};

int main(void) {
    prodigy_hypers h = {1, 0.9, 0.999, 1e-08, 1e-06, 0};
    prodigy_array arrays[ARRAYS];
    prodigy_shared s = {0, 0, 1};
    int wrong = 0;
    for (int k = 0; k < ARRAYS; k++) {
        for (int i = 0; i < MOST; i++) {
            x0[k][i] = x[k][i];
        }
    }
    for (int t = 1; t <= STEPS; t++) {
        s.step = t;
        for (int k = 0; k < ARRAYS; k++) {
            arrays[k].size = sizes[k];
            arrays[k].t = t;
            arrays[k].x = x[k];
            arrays[k].g = g[t - 1][k];
            arrays[k].x0 = x0[k];
            arrays[k].m = m[k];
            arrays[k].v = v[k];
            arrays[k].s_ = s_[k];
        }
        double *sums = malloc(sizeof(double) * (size_t)prodigy_sums(arrays, ARRAYS));
        if (!sums) return 2;
        prodigy_step(&h, &s, arrays, ARRAYS, sums);
        free(sums);
    }
    for (int k = 0; k < ARRAYS; k++) {
        for (int i = 0; i < sizes[k]; i++) {
            const double got = x[k][i], want = wanted[k][i];
            if (fabs(got - want) <= 1e-5 * fabs(want) + 1e-7) continue;
            printf("array %d, element %d: %.9g, expected %.9g\n", k, i, got, want);
            wrong++;
        }
    }
    printf("prodigy: %d steps of %d arrays, %d elements wrong\n", STEPS, ARRAYS, wrong);
    return wrong != 0;
}
