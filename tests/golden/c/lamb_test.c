/* Tests lamb.c: cc -std=c99 -O2 lamb.c lamb_test.c -lm && ./a.out */
#include "lamb.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>

enum { ARRAYS = 2, STEPS = 3, MOST = 7 };

static const int64_t sizes[ARRAYS] = {7, 3};
static lamb_param x[ARRAYS][MOST] = {
    {0.126, -0.132, 0.64, 0.105, -0.536, 0.362, 1.304},
    {0.947, -0.704, -1.265},
};
static const lamb_grad g[STEPS][ARRAYS][MOST] = {
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
static lamb_real m[ARRAYS][MOST]; /* a slot, begins as 0.0 */
static lamb_real v[ARRAYS][MOST]; /* a slot, begins as 0.0 */
static const double wanted[ARRAYS][MOST] = {
    {0.128135701, -0.133734091, 0.642006222, 0.104761453, -0.535308436, 0.363217813, 1.30641894},
    {0.950374531, -0.70546824, -1.26834428},
};

int main(void) {
    lamb_hypers h = {0.001, 0.9, 0.999, 1e-06, 0};
    lamb_array arrays[ARRAYS];
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
        double *sums = malloc(sizeof(double) * (size_t)lamb_sums(arrays, ARRAYS));
        if (!sums) return 2;
        lamb_step(&h, arrays, ARRAYS, sums);
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
    printf("lamb: %d steps of %d arrays, %d elements wrong\n", STEPS, ARRAYS, wrong);
    return wrong != 0;
}
