// SPDX-License-Identifier: MIT
// Locks: mutex, which prints mutex_uncontended, mutex_contended, rwmutex_read and rwmutex_mixed.
#include "rows.hpp"

#include <goro/mutex.hpp>
#include <goro/rw_mutex.hpp>

namespace bench {
namespace {

goro::mutex lock;
goro::rw_mutex shared_lock;
number counter = 0;  // under one of them

void locked_counts(const char* name, int goroutines, number count) {
  per_op(name, parallel(goroutines, [each = count / goroutines](int) {
           for (number i = 0; i < each; ++i) {
             lock.lock();
             ++counter;
             lock.unlock();
           }
         }),
         count);
}

void mutexes() {
  locked_counts("mutex_uncontended", 1, 20'000'000);
  locked_counts("mutex_contended", 8, 8'000'000);

  constexpr number reads = 8'000'000;
  per_op("rwmutex_read", parallel(8, [](int) {
           number sum = 0;
           for (number i = 0; i < reads / 8; ++i) {
             shared_lock.lock_shared();
             sum += counter;
             shared_lock.unlock_shared();
           }
           if (sum == 42) sink = sum;
         }),
         reads);

  constexpr number mixed = 4'000'000;
  per_op("rwmutex_mixed", parallel(8, [](int g) {
           number sum = 0;
           for (number i = 0; i < mixed / 8; ++i) {
             if ((i + g * 12) % 100 == 0) {
               shared_lock.lock();
               ++counter;
               shared_lock.unlock();
             } else {
               shared_lock.lock_shared();
               sum += counter;
               shared_lock.unlock_shared();
             }
           }
           if (sum == 42) sink = sum;
         }),
         mixed);
}

const row entries[] = {{"mutex", mutexes}};

}  // namespace
}  // namespace bench
