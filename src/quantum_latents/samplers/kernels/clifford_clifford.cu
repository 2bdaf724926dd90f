// Boson sampling photon by photon, compiled for one GPU when it is first asked for.
//
// Notation: as in clifford_clifford.py and minors.py, whose counts these are, shot by shot. REAL
// is the type in which permanents are computed, MOST the most photons that a shot may hold.
//
// A block is one warp, and a warp draws one shot at a time, from a queue. PARTS lanes share a
// pattern of signs: lane `part` of them holds the columns j with j % PARTS == part, where all
// columns of a pattern would not fit in one lane's registers. So 32 / PARTS patterns are summed
// side by side; the other digits run through the Gray code of minors.py, for all lanes alike.
// Columns that fill up the last lane are 1 in every pattern.
//
// Nothing is contracted by the compiler (--fmad=false): fma is written where the CPU has one.

typedef unsigned int u32;
typedef unsigned long long u64;

struct Complex {
    REAL x, y;
};

namespace {

constexpr u32 ALL = 0xffffffffu;
constexpr int LANES = 32;
constexpr int COLUMN_BYTES = MOST * sizeof(REAL);
constexpr int PARTS = COLUMN_BYTES <= 96 ? 1 : COLUMN_BYTES <= 192 ? 2 : 4;
constexpr int SLOTS = LANES / PARTS;
constexpr int MOST_OF_LANE = (MOST + PARTS - 1) / PARTS;
constexpr int WIDTH = MOST_OF_LANE * PARTS;
constexpr int WARPS = 12;  // of a multiprocessor: three hide each other's waiting, of four queues
constexpr u64 REFRESH = 256;  // patterns after which float32 works v out anew: updates drift

// What a warp shares.
struct Shared {
    double uniforms[2 * MOST];
    double minors[MOST][2];
    Complex twice[MOST][WIDTH];  // 2 A[r, alpha_j] for j < k, 0 beyond
    Complex total[MOST];         // sum_r s_r A[r, alpha_j]
    REAL below[MOST + 1];        // below[d] is the product of the binomials of digits d, d + 1, ...
    int order[MOST];             // alpha
    int mode[MOST], multiplicity[MOST];            // of the rows drawn so far
    int row[MOST], limit[MOST];                    // of the digits of a pattern
    int value[MOST], focus[MOST + 1], direction[MOST];
};

__device__ void cipher(u32 (&c)[4], u32 k0, u32 k1) {
    for (int round = 0; round < 10; ++round) {
        const u64 p0 = 0xD2511F53ull * c[0], p1 = 0xCD9E8D57ull * c[2];
        c[0] = u32(p1 >> 32) ^ c[1] ^ k0;
        c[1] = u32(p1);
        c[2] = u32(p0 >> 32) ^ c[3] ^ k1;
        c[3] = u32(p0);
        k0 += 0x9E3779B9u;
        k1 += 0xBB67AE85u;
    }
}

__device__ double unit(u32 high, u32 low) {
    return double(((u64(high) << 32) | low) >> 11) * (1.0 / 9007199254740992.0);
}

__device__ REAL multiply_add(REAL a, REAL b, REAL c) {
    if constexpr (sizeof(REAL) == 4) {
        return fmaf(a, b, c);
    } else {
        return fma(a, b, c);
    }
}

__device__ Complex multiply(Complex a, Complex b) {
    return {multiply_add(a.x, b.x, -(a.y * b.y)), multiply_add(a.x, b.y, a.y * b.x)};
}

__device__ void add_product(Complex a, Complex b, Complex &sum) {
    sum.x = multiply_add(-a.y, b.y, multiply_add(a.x, b.x, sum.x));
    sum.y = multiply_add(a.y, b.x, multiply_add(a.x, b.y, sum.y));
}

__device__ Complex from_lane(Complex value, int mask) {
    return {__shfl_xor_sync(ALL, value.x, mask), __shfl_xor_sync(ALL, value.y, mask)};
}

// The product of what the other lanes of the same pattern hold.
__device__ Complex product_of_others(Complex own) {
    if constexpr (PARTS == 1) {
        return {1, 0};
    } else {
        const Complex next = from_lane(own, 1);
        if constexpr (PARTS == 2) return next;
        return multiply(next, from_lane(multiply(own, next), 2));
    }
}

// Digit d of pattern `slot`, which a lane keeps throughout.
__device__ int digit_of_slot(const Shared &warp, int slot, int d) {
    for (int e = 0; e < d; ++e) slot /= warp.limit[e] + 1;
    return slot % (warp.limit[d] + 1);
}

// Write the digits of a pattern, rows by rising multiplicity; return their number. The first
// row, of smallest multiplicity, keeps one copy's plus sign.
__device__ int lay_out(Shared &warp, int num_rows, int lane) {
    int fewest = MOST;
    for (int r = 0; r < num_rows; ++r) fewest = min(fewest, warp.multiplicity[r]);
    const int shift = fewest == 1 ? 1 : 0;
    for (int r = lane; r < num_rows; r += LANES) {
        const int own = warp.multiplicity[r];
        int place = -shift;
        for (int other = 0; other < num_rows; ++other) {
            const int copies = warp.multiplicity[other];
            if (copies < own || (copies == own && other < r)) ++place;
        }
        if (place >= 0) {
            warp.row[place] = r;
            warp.limit[place] = own - (place + shift == 0 ? 1 : 0);
        }
    }
    __syncwarp();
    return num_rows - shift;
}

// Work v out: the slot's own pattern of digits [0, first), `count` steps of the Gray code for the
// binary digits [first, others), and their values for the rest.
template <int COLUMNS>
__device__ void fill(const Shared &warp, int k, int first, int others, int num_digits, int lane,
                     u64 count, Complex (&v)[COLUMNS]) {
    const int part = lane % PARTS, slot = lane / PARTS;
#pragma unroll
    for (int c = 0; c < COLUMNS; ++c) {
        const int j = PARTS * c + part;
        if (j < k) {
            v[c] = warp.total[j];
        } else {
            v[c] = {1, 0};
        }
    }
    for (int d = 0; d < num_digits; ++d) {
        int digit;
        if (d < first) {
            digit = digit_of_slot(warp, slot, d);
        } else if (d < others) {
            digit = int((count + (1ull << (d - first))) >> (d - first + 1)) & 1;
        } else {
            digit = warp.value[d];
        }
        const Complex *row = warp.twice[warp.row[d]];
        const REAL factor = REAL(-digit);
#pragma unroll
        for (int c = 0; c < COLUMNS; ++c) {
            const Complex entry = row[PARTS * c + part];
            v[c].x = multiply_add(factor, entry.x, v[c].x);
            v[c].y = multiply_add(factor, entry.y, v[c].y);
        }
    }
    __syncwarp();  // the first lane changes the digits next
}

// Change one of the digits [others, num_digits) by one; return by how much, and which in
// `changed`: num_digits when all patterns have been seen. For one lane.
__device__ int next_digit(Shared &warp, const double *binomials, int others, int num_digits,
                          int &changed) {
    changed = warp.focus[others];
    if (changed == num_digits) return 0;
    warp.focus[others] = others;
    const int moved = warp.direction[changed];
    const int value = warp.value[changed] += moved;
    if (value == 0 || value == warp.limit[changed]) {
        warp.direction[changed] = -moved;
        warp.focus[changed] = warp.focus[changed + 1];
        warp.focus[changed + 1] = changed + 1;
    }
    for (int d = changed; d >= others; --d) {
        const double ways = binomials[warp.limit[d] * (MOST + 1) + warp.value[d]];
        warp.below[d] = warp.below[d + 1] * REAL(ways);
    }
    return moved;
}

// Write p_1 .. p_k, (k - 1) / PARTS + 1 == COLUMNS.
template <int COLUMNS>
__device__ void add_minors(Shared &warp, const double *binomials, int k, int num_digits,
                           int lane) {
    const int part = lane % PARTS, slot = lane / PARTS;
    int first = 0, patterns = 1;
    while (first < num_digits && patterns * (warp.limit[first] + 1) <= SLOTS) {
        patterns *= warp.limit[first] + 1;
        ++first;
    }
    REAL weight = slot < patterns ? 1 : 0;
    for (int d = 0; d < first; ++d) {
        const int digit = digit_of_slot(warp, slot, d);
        weight *= REAL(binomials[warp.limit[d] * (MOST + 1) + digit] * (digit & 1 ? -1 : 1));
    }
    int others = first;
    while (others < num_digits && warp.limit[others] == 1) ++others;
    for (int d = first + lane; d <= num_digits; d += LANES) {
        warp.focus[d] = d;
        warp.below[d] = 1;
        if (d < num_digits) {
            warp.value[d] = 0;
            warp.direction[d] = 1;
        }
    }
    __syncwarp();
    const u64 inside = (1ull << (others - first)) - 1;

    Complex v[COLUMNS], side[COLUMNS], sum[COLUMNS];
#pragma unroll
    for (int c = 0; c < COLUMNS; ++c) sum[c] = {0, 0};
    REAL scale = 1, sign = 1;
    u64 count = 0;
    int changed = num_digits;
    do {
        fill<COLUMNS>(warp, k, first, others, num_digits, lane, count, v);
        while (true) {
            Complex left = v[0];
#pragma unroll
            for (int c = 1; c < COLUMNS; ++c) {
                side[c] = left;
                left = multiply(left, v[c]);
            }
            const REAL factor = sign * scale * weight;
            Complex right = product_of_others(left);
            right.x *= factor;
            right.y *= factor;
#pragma unroll
            for (int c = COLUMNS - 1; c > 0; --c) {
                add_product(right, side[c], sum[c]);
                right = multiply(right, v[c]);
            }
            sum[0].x += right.x;
            sum[0].y += right.y;

            ++count;
            REAL step;  // of v, in units of 2 A[r, .]
            const u64 ruler = count & inside;
            if (ruler != 0) {
                const int place = __ffsll((long long)ruler) - 1;
                changed = first + place;
                step = (count >> (place + 1)) & 1 ? 1 : -1;
            } else {
                int moved = 0;
                if (lane == 0) moved = next_digit(warp, binomials, others, num_digits, changed);
                changed = __shfl_sync(ALL, changed, 0);
                if (changed == num_digits) break;
                step = REAL(-__shfl_sync(ALL, moved, 0));
                scale = __shfl_sync(ALL, warp.below[others], 0);
            }
            sign = -sign;
            if (sizeof(REAL) == 4 && count % REFRESH == 0) break;
            const Complex *row = warp.twice[warp.row[changed]];
#pragma unroll
            for (int c = 0; c < COLUMNS; ++c) {
                const Complex entry = row[PARTS * c + part];
                v[c].x = multiply_add(step, entry.x, v[c].x);
                v[c].y = multiply_add(step, entry.y, v[c].y);
            }
        }
        __syncwarp();
    } while (changed != num_digits);

#pragma unroll
    for (int c = 0; c < COLUMNS; ++c) {
        double x = sum[c].x, y = sum[c].y;
        for (int mask = PARTS; mask < LANES; mask *= 2) {
            x += __shfl_xor_sync(ALL, x, mask);
            y += __shfl_xor_sync(ALL, y, mask);
        }
        const int j = PARTS * c + part;
        if (slot == 0 && j < k) {
            warp.minors[j][0] = x;
            warp.minors[j][1] = y;
        }
    }
    __syncwarp();
}

template <int COLUMNS>
__device__ void add_minors_of(Shared &warp, const double *binomials, int k, int num_digits,
                              int lane) {
    if constexpr (COLUMNS > 1) {
        if (k <= PARTS * (COLUMNS - 1)) {
            add_minors_of<COLUMNS - 1>(warp, binomials, k, num_digits, lane);
            return;
        }
    }
    add_minors<COLUMNS>(warp, binomials, k, num_digits, lane);
}

// Draw the mode of photon k: weights |sum_l A[i, alpha_l] p_l|^2, and their running sums.
__device__ int draw_mode(const Shared &warp, const double *columns, int num_modes, int k,
                         double *weights, double *running, int lane) {
    for (int i = lane; i < num_modes; i += LANES) {
        double real = 0, imaginary = 0;
        for (int j = 0; j < k; ++j) {
            const double *column = columns + 2 * warp.order[j] * num_modes + i;
            const double a = column[0], b = column[num_modes];
            const double x = warp.minors[j][0], y = warp.minors[j][1];
            real = fma(a, x, fma(-b, y, real));
            imaginary = fma(a, y, fma(b, x, imaginary));
        }
        weights[i] = real * real + imaginary * imaginary;
    }
    __syncwarp();
    if (lane == 0) {
        double sum = 0;
        for (int i = 0; i < num_modes; ++i) {
            sum += weights[i];
            running[i] = sum;
        }
    }
    __syncwarp();
    const double target = warp.uniforms[k - 1] * running[num_modes - 1];
    int last = 0;
    for (int begin = 0; begin < num_modes; begin += LANES) {
        const int i = begin + lane;
        const u32 beyond = __ballot_sync(ALL, i < num_modes && target < running[i]);
        if (beyond != 0) return begin + __ffs(beyond) - 1;
        const u32 possible = __ballot_sync(ALL, i < num_modes && weights[i] > 0);
        if (possible != 0) last = begin + 31 - __clz(possible);
    }
    return last;
}

}  // namespace

// Bytes of shared memory that a block needs, and those for each mode: read by the host.
extern "C" __constant__ u64 shared_bytes[2] = {sizeof(Shared), 2 * sizeof(double) + sizeof(int)};

// Fill the rows of `counts` with shots of a stream.
//
// shots: (num_shots,), the index of each row's shot: all that its draws depend on, besides key.
// columns: (num_columns, 2, num_modes), real and imaginary parts of A transposed.
// photons: (num_shots, num_columns), the columns with a photon in each shot, filled up with -1 at
//     the end; or, with one_input, (num_columns,) for all shots.
// binomials: (MOST + 1, MOST + 1).
// next: 0 at the start; the queue of shots.
// counts: (num_shots, num_modes), all written.
extern "C" __global__ void __launch_bounds__(LANES, WARPS)
    clifford_clifford_shots(const double *columns, const int *photons, const double *binomials,
                            const u64 *shots, u64 *next, unsigned char *counts, u64 key,
                            u64 num_shots, int num_columns, int num_modes, int one_input) {
    extern __shared__ double memory[];
    double *weights = memory, *running = weights + num_modes;
    Shared &warp = *reinterpret_cast<Shared *>(running + num_modes);
    int *row_of_mode = reinterpret_cast<int *>(&warp + 1);
    const int lane = threadIdx.x;

    while (true) {
        u64 place = lane == 0 ? atomicAdd(next, 1ull) : 0;
        place = __shfl_sync(ALL, place, 0);
        if (place >= num_shots) return;
        const u64 shot = shots[place];
        unsigned char *count = counts + place * num_modes;
        const int *present = photons + (one_input ? 0 : place * num_columns);
        for (int i = lane; i < num_modes; i += LANES) {
            count[i] = 0;
            row_of_mode[i] = -1;
        }
        for (int pair = lane; pair < num_columns; pair += LANES) {
            u32 counter[4] = {u32(pair), 0, u32(shot), u32(shot >> 32)};
            cipher(counter, u32(key), u32(key >> 32));
            warp.uniforms[2 * pair] = unit(counter[0], counter[1]);
            warp.uniforms[2 * pair + 1] = unit(counter[2], counter[3]);
        }
        int num_photons = 0;
        while (num_photons < num_columns && present[num_photons] >= 0) ++num_photons;
        __syncwarp();
        if (lane == 0) {
            for (int i = 0; i < num_photons; ++i) warp.order[i] = present[i];
            for (int i = num_photons - 1; i > 0; --i) {  // Fisher and Yates
                const int j = int(warp.uniforms[num_columns + i] * (i + 1));
                const int swapped = warp.order[i];
                warp.order[i] = warp.order[j];
                warp.order[j] = swapped;
            }
            warp.minors[0][0] = 1;
            warp.minors[0][1] = 0;
        }
        for (int j = lane; j < num_photons; j += LANES) warp.total[j] = {0, 0};
        __syncwarp();

        int num_rows = 0;
        for (int k = 1; k <= num_photons; ++k) {
            if (k > 1) {
                const int num_digits = lay_out(warp, num_rows, lane);
                add_minors_of<MOST_OF_LANE>(warp, binomials, k, num_digits, lane);
            }
            const int mode = draw_mode(warp, columns, num_modes, k, weights, running, lane);
            const int seen = row_of_mode[mode], row = seen < 0 ? num_rows : seen;
            __syncwarp();
            if (lane == 0) {
                ++count[mode];
                row_of_mode[mode] = row;
                warp.mode[row] = mode;
                warp.multiplicity[row] = seen < 0 ? 1 : warp.multiplicity[row] + 1;
            }
            if (seen < 0) ++num_rows;
            __syncwarp();
            // The next step has column k, too; a new row starts with the columns up to there.
            for (int j = lane; j < WIDTH; j += LANES) {
                Complex entry = {0, 0};
                if (j < num_photons) {
                    const double *column = columns + 2 * warp.order[j] * num_modes + mode;
                    entry = {REAL(column[0]), REAL(column[num_modes])};
                    warp.total[j].x += entry.x;
                    warp.total[j].y += entry.y;
                }
                if (seen < 0) {
                    const bool reached = j <= k;
                    warp.twice[row][j] = {reached ? 2 * entry.x : 0, reached ? 2 * entry.y : 0};
                }
            }
            __syncwarp();
            if (k < num_photons) {
                const double *column = columns + 2 * warp.order[k] * num_modes;
                for (int r = lane; r < num_rows; r += LANES) {
                    const double *entry = column + warp.mode[r];
                    warp.twice[r][k] = {2 * REAL(entry[0]), 2 * REAL(entry[num_modes])};
                }
            }
            __syncwarp();
        }
    }
}
