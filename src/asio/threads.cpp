// SPDX-License-Identifier: MIT
#include <goro/detail/asio_core.hpp>

#include "asio/outside.hpp"

#include <goro/wait_group.hpp>

#include <pthread.h>

#include <memory>
#include <thread>
#include <vector>

namespace goro::detail {

struct asio_threads::group {
  wait_group running;  // what a goroutine can wait for; joining is quick after that
  std::vector<std::thread> threads;
};

asio_threads::asio_threads(int count, void (*run)(void*), void (*stop)(void*), void* argument)
    : group_(nullptr) {
  if (count < 1)
    throw std::invalid_argument("goro: asio_runner: it was given fewer than one thread; give it one or more");
  std::unique_ptr<group> made(new group);
  made->threads.reserve(static_cast<std::size_t>(count));
  group_ = made.get();
  for (int i = 0; i != count; ++i) {
    made->running.add();
    try {
      made->threads.emplace_back([run, argument, running = &made->running] {
        pthread_setname_np(pthread_self(), "goro-asio");
        run(argument);
        running->done();
      });
    } catch (...) {
      made->running.done();
      stop(argument);
      join();
      throw;
    }
  }
  static_cast<void>(made.release());
}

asio_threads::~asio_threads() {
  join();
  delete group_;
}

void asio_threads::join() noexcept {
  {
    const waits_outside counted;
    group_->running.wait();
  }
  for (std::thread& thread : group_->threads) thread.join();
  group_->threads.clear();
}

}  // namespace goro::detail
