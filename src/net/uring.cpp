// SPDX-License-Identifier: MIT
// Who submits takes the submission lock for the call into the kernel; who is told of the ring's descriptor
// (the netpoller), or has just submitted, takes the completion lock, a spin lock, and empties the completion
// queue.
//
// Invariant  An operation is on its waiting task's stack, and is in the kernel from its submission until
// somebody takes its
//            completion out of the queue, who writes the result and notifies; the task does not leave before.
// Pair       the result is written before notify (a release), read after the wait that takes it (an acquire).
// No completion is overlooked: the ring's descriptor becomes readable with each completion of a queue that
// was empty, the set is edge-triggered, and a completion that comes while somebody empties the queue is seen
// by him or brings another edge, since the queue was empty when it came or he is not through yet.
// One ring: what is in the page cache never comes here (file.cpp), and the disk is slower than a lock.
#include "net/uring.hpp"

#ifdef GORO_HAS_URING

#include "base/spin_lock.hpp"

#include <goro/detail/pollable.hpp>

#include <liburing.h>
#include <cerrno>
#include <cstdlib>
#include <cstring>
#include <mutex>
#include <new>

namespace goro::detail {

namespace {

struct operation {
  pollable done;
  std::int64_t result = 0;
  bool ended = false;  // under the completion lock
};

struct the_ring : event_node {
  io_uring ring{};
  bool works = false;
  std::mutex submitting;
  spin_lock completing;
  pollable poll;

  the_ring() noexcept {
    event = [](event_node& self) noexcept { static_cast<the_ring&>(self).complete(); };
    const char* const wish = std::getenv("GORO_URING");
    if (wish != nullptr && std::strcmp(wish, "0") == 0) return;
    if (io_uring_queue_init(256, &ring, 0) != 0) return;
    // Without NODROP completions could be lost; it is as old as reading at the file's own position.
    works = (ring.features & (IORING_FEAT_NODROP | IORING_FEAT_RW_CUR_POS)) ==
                (IORING_FEAT_NODROP | IORING_FEAT_RW_CUR_POS) &&
            supports(IORING_OP_READ) && supports(IORING_OP_WRITE) && supports(IORING_OP_FSYNC) &&
            poll.open(ring.ring_fd, *this) == 0;
    if (!works) io_uring_queue_exit(&ring);
  }

  bool supports(int code) noexcept {
    io_uring_probe* const probe = io_uring_get_probe_ring(&ring);
    const bool yes = probe != nullptr && io_uring_opcode_supported(probe, code) != 0;
    io_uring_free_probe(probe);
    return yes;
  }

  void complete() noexcept {
    const spin_guard hold(completing);
    io_uring_cqe* each = nullptr;
    while (io_uring_peek_cqe(&ring, &each) == 0 && each != nullptr) {
      auto& op = *static_cast<operation*>(io_uring_cqe_get_data(each));
      op.result = each->res;
      io_uring_cqe_seen(&ring, each);
      op.ended = true;
      op.done.notify(direction::read);  // it may be gone as soon as the lock is released
    }
  }

  template <class Prepare>
  std::int64_t run(Prepare prepare) {
    operation op;
    if (op.done.open_memory() != 0) throw std::bad_alloc();
    {
      const io_expected here;
      { const spin_guard hold(completing); }  // the operation as it is now, to whoever completes it
      {
        const std::lock_guard<std::mutex> hold(submitting);
        io_uring_sqe* const entry = io_uring_get_sqe(&ring);  // each is submitted at once, so there is room
        prepare(entry);
        io_uring_sqe_set_data(entry, &op);
        int result;
        do {
          result = io_uring_submit(&ring);  // EBUSY, EAGAIN: the kernel is short of room for completions
          if (result == -EBUSY || result == -EAGAIN) complete();
        } while (result == -EINTR || result == -EBUSY || result == -EAGAIN);
      }
      complete();
      while (!has_ended(op)) (void)op.done.wait(direction::read);
    }
    op.done.close();
    op.done.release();
    return op.result;
  }

  bool has_ended(const operation& op) noexcept {
    const spin_guard hold(completing);
    return op.ended;
  }
};

// Never destroyed: goroutines may use it until the process ends.
the_ring& ring() noexcept {
  static the_ring* const one = new the_ring;
  return *one;
}

}  // namespace

bool uring_works() noexcept { return ring().works; }

std::int64_t uring_read(int fd, char* into, std::size_t size, std::uint64_t offset) {
  return ring().run(
      [&](io_uring_sqe* e) { io_uring_prep_read(e, fd, into, static_cast<unsigned>(size), offset); });
}

std::int64_t uring_write(int fd, const char* what, std::size_t size, std::uint64_t offset) {
  return ring().run(
      [&](io_uring_sqe* e) { io_uring_prep_write(e, fd, what, static_cast<unsigned>(size), offset); });
}

std::int64_t uring_sync(int fd) {
  return ring().run([&](io_uring_sqe* e) { io_uring_prep_fsync(e, fd, 0); });
}

}  // namespace goro::detail

#else

namespace goro::detail {

bool uring_works() noexcept { return false; }
std::int64_t uring_read(int, char*, std::size_t, std::uint64_t) { return 0; }
std::int64_t uring_write(int, const char*, std::size_t, std::uint64_t) { return 0; }
std::int64_t uring_sync(int) { return 0; }

}  // namespace goro::detail

#endif
