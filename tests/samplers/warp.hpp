// One warp of a GPU on a CPU: its 32 lanes are coroutines that meet at every instruction which
// moves values between lanes or orders their memory. Between two such meetings one lane runs after
// the other, from the first or from the last: what relies on an order that no meeting gives comes
// out differently in one of the two.

#include <algorithm>
#include <cmath>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <ucontext.h>
#include <vector>

#define __device__
#define __global__
#define __constant__
#define __shared__
#define __launch_bounds__(...)

using std::fma;
using std::fmaf;
using std::min;

static struct {
    int x;
} threadIdx;

extern "C" {
double memory[1 << 15];  // what a kernel shares
}

namespace warp_on_cpu {

constexpr int LANES = 32;
constexpr std::size_t STACK_BYTES = 1 << 18;

ucontext_t scheduler, lanes[LANES];
bool done[LANES];
const char *met_at[LANES];
unsigned long long turn[LANES];
unsigned char slots[2][LANES][16];
void (*body)();

void enter() {
    body();
    done[threadIdx.x] = true;
}

void meet(const char *where) {
    const int lane = threadIdx.x;
    met_at[lane] = where;
    swapcontext(&lanes[lane], &scheduler);
}

template <class T> void offer(T value) {
    static_assert(sizeof(T) <= sizeof slots[0][0]);
    std::memcpy(slots[turn[threadIdx.x] % 2][threadIdx.x], &value, sizeof(T));
}

template <class T> T taken(int from) {
    T value;
    std::memcpy(&value, slots[turn[threadIdx.x] % 2][from], sizeof(T));
    return value;
}

template <class T> T exchange(T value, int from, const char *where) {
    offer(value);
    meet(where);
    const T result = taken<T>(from);
    ++turn[threadIdx.x];
    return result;
}

// Run a body on all lanes; from the last lane on if `reversed`.
void run(void (*what)(), bool reversed) {
    static std::vector<unsigned char> stacks(LANES * STACK_BYTES);
    body = what;
    for (int lane = 0; lane < LANES; ++lane) {
        done[lane] = false;
        turn[lane] = 0;
        getcontext(&lanes[lane]);
        lanes[lane].uc_stack.ss_sp = &stacks[lane * STACK_BYTES];
        lanes[lane].uc_stack.ss_size = STACK_BYTES;
        lanes[lane].uc_link = &scheduler;
        makecontext(&lanes[lane], enter, 0);
    }
    while (true) {
        for (int i = 0; i < LANES; ++i) {
            threadIdx.x = reversed ? LANES - 1 - i : i;
            if (!done[threadIdx.x]) swapcontext(&scheduler, &lanes[threadIdx.x]);
        }
        int num_done = 0;
        for (int lane = 0; lane < LANES; ++lane) {
            num_done += done[lane];
            const bool together = done[lane] == done[0] && (done[0] || met_at[lane] == met_at[0]);
            if (!together) {
                std::fprintf(stderr, "lane %d does not meet lane 0\n", lane);
                std::abort();
            }
        }
        if (num_done == LANES) return;
    }
}

}  // namespace warp_on_cpu

#define WARP_TEXT(x) #x
#define WARP_LINE(x) WARP_TEXT(x)

inline void warp_sync(const char *where) {
    warp_on_cpu::meet(where);
    ++warp_on_cpu::turn[threadIdx.x];
}

template <class T> T warp_shuffle_xor(T value, int mask, const char *where) {
    return warp_on_cpu::exchange(value, threadIdx.x ^ mask, where);
}

template <class T> T warp_shuffle(T value, int from, const char *where) {
    return warp_on_cpu::exchange(value, from, where);
}

inline unsigned warp_ballot(bool says, const char *where) {
    warp_on_cpu::offer(says);
    warp_on_cpu::meet(where);
    unsigned votes = 0;
    for (int lane = 0; lane < warp_on_cpu::LANES; ++lane) {
        votes |= unsigned(warp_on_cpu::taken<bool>(lane)) << lane;
    }
    ++warp_on_cpu::turn[threadIdx.x];
    return votes;
}

#define __syncwarp() warp_sync("sync " WARP_LINE(__LINE__))
#define __shfl_xor_sync(all, value, mask) warp_shuffle_xor(value, mask, "xor " WARP_LINE(__LINE__))
#define __shfl_sync(all, value, from) warp_shuffle(value, from, "shuffle " WARP_LINE(__LINE__))
#define __ballot_sync(all, says) warp_ballot(says, "ballot " WARP_LINE(__LINE__))

inline int __ffs(unsigned bits) { return __builtin_ffs(int(bits)); }
inline int __ffsll(long long bits) { return __builtin_ffsll(bits); }
inline int __clz(unsigned bits) { return bits ? __builtin_clz(bits) : 32; }

inline unsigned long long atomicAdd(unsigned long long *place, unsigned long long more) {
    const unsigned long long old = *place;
    *place += more;
    return old;
}
