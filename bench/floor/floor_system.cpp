// SPDX-License-Identifier: MIT
// System calls and sleeps.
#include "floor.hpp"

#include <fcntl.h>
#include <linux/futex.h>
#include <linux/membarrier.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <unistd.h>
#include <atomic>
#include <string>
#include <thread>

namespace floor_costs {
namespace {

long membarrier(int command) { return syscall(SYS_membarrier, command, 0, 0); }

void membarriers() {
  if (membarrier(MEMBARRIER_CMD_REGISTER_PRIVATE_EXPEDITED) != 0) return;
  loop("membarrier_alone", 200'000, [](u64) { membarrier(MEMBARRIER_CMD_PRIVATE_EXPEDITED); });
  if (cpus().size() < 2) return;
  std::atomic<bool> stop{false};
  std::thread other([&] {
    pin(1);
    while (!stop.load(std::memory_order_relaxed)) relax();
  });
  usleep(10'000);
  loop("membarrier_other_cpu_running", 50'000, [](u64) { membarrier(MEMBARRIER_CMD_PRIVATE_EXPEDITED); });
  stop = true;
  other.join();
}

void descriptors() {
  const int zero = open("/dev/zero", O_RDONLY | O_CLOEXEC);
  char byte = 0;
  loop("pread_1_byte", 2'000'000, [&](u64) { keep(pread(zero, &byte, 1, 0)); });
  const int event = eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC);
  u64 one = 1;
  loop("eventfd_write", 1'000'000, [&](u64) { keep(write(event, &one, sizeof one)); });
  keep(read(event, &one, sizeof one));
  const int poll = epoll_create1(EPOLL_CLOEXEC);
  epoll_event interest{};
  interest.events = EPOLLIN;
  epoll_ctl(poll, EPOLL_CTL_ADD, event, &interest);
  loop("epoll_wait_0", 1'000'000, [&](u64) {
    epoll_event ready{};
    epoll_wait(poll, &ready, 1, 0);
  });
  for (int fd : {zero, event, poll}) close(fd);
}

void task_stat() {
  const std::string path = "/proc/self/task/" + std::to_string(syscall(SYS_gettid)) + "/stat";
  char text[1024];
  loop("task_stat_opened_anew", 20'000, [&](u64) {
    const int fd = open(path.c_str(), O_RDONLY | O_CLOEXEC);
    keep(read(fd, text, sizeof text));
    close(fd);
  });
  const int fd = open(path.c_str(), O_RDONLY | O_CLOEXEC);
  loop("task_stat_kept_open", 20'000, [&](u64) { keep(pread(fd, text, sizeof text, 0)); });
  close(fd);
}

void late(const char* name, long nanoseconds, u64 count) {
  std::vector<u64> values;
  for (u64 i = 0; i < scaled(count) + 20; ++i) {
    const timespec asked{0, nanoseconds};
    const u64 start = now();
    nanosleep(&asked, nullptr);
    values.push_back(now() - start - static_cast<u64>(nanoseconds));
  }
  percentiles(name, values);
}

}  // namespace

void system_costs() {
  loop("getppid", 2'000'000, [](u64) { keep(syscall(SYS_getppid)); });
  descriptors();
  loop("sched_yield", 1'000'000, [](u64) { sched_yield(); });
  std::atomic<int> word{0};
  loop("futex_wake_nobody", 2'000'000,
       [&](u64) { keep(syscall(SYS_futex, &word, FUTEX_WAKE_PRIVATE, 1, nullptr, nullptr, 0)); });
  membarriers();
  task_stat();
  loop("thread_create_join", 5000, [](u64) { std::thread([] {}).join(); });
}

void sleep_costs() {
  late("nanosleep_5ms_late", 5'000'000, 200);
  late("nanosleep_50us_late", 50'000, 2000);
  prctl(PR_SET_TIMERSLACK, 1);
  late("nanosleep_5ms_late_slack_1", 5'000'000, 200);
  late("nanosleep_50us_late_slack_1", 50'000, 2000);
  prctl(PR_SET_TIMERSLACK, 0);  // 0: back to the default
}

}  // namespace floor_costs
