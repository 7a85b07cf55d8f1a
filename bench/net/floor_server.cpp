// SPDX-License-Identifier: MIT
// The floor of `make compare-net`'s echo rows: what the kernel charges for a receive and a send, with nothing around
// them.   net_floor epoll|io_uring   says the port, and echoes in one thread until it is killed.
//
// epoll: edge-triggered, one receive and one send an event, as goro's netpoller does it.
// io_uring: what the kernel offers beyond that. Multishot receives into a ring of buffers, descriptors of the ring's
// own, and one system call for all sends of a round and the wait for what comes next.
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <string_view>
#include <vector>

#if GORO_HAS_URING
#include <liburing.h>
#endif

namespace {

void fail(const char* what, int error = errno) {
  std::fprintf(stderr, "net_floor: %s: %s\n", what, std::strerror(error));
  std::exit(1);
}

int listen_and_say(int flags) {
  const int fd = ::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC | flags, 0);
  sockaddr_in at{};
  at.sin_family = AF_INET;
  at.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  socklen_t size = sizeof at;
  const auto name = reinterpret_cast<sockaddr*>(&at);
  if (fd < 0 || ::bind(fd, name, size) != 0 || ::listen(fd, 4096) != 0 || ::getsockname(fd, name, &size) != 0)
    fail("listen");
  const int on = 1;  // inherited by what is accepted
  ::setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
  std::printf("%d\n", ntohs(at.sin_port));
  std::fflush(stdout);
  return fd;
}

void add(int set, int fd, std::uint32_t events) {
  epoll_event e{};
  e.events = events;
  e.data.fd = fd;
  if (::epoll_ctl(set, EPOLL_CTL_ADD, fd, &e) != 0) fail("epoll_ctl");
}

// False: the end.
bool echo_what_is_there(int fd) {
  char buffer[4096];
  ssize_t n;
  do {
    n = ::recv(fd, buffer, sizeof buffer, 0);
    if (n <= 0) return n < 0 && errno == EAGAIN;
    if (::send(fd, buffer, static_cast<std::size_t>(n), MSG_NOSIGNAL) != n) return false;
  } while (n == sizeof buffer);
  return true;
}

void serve_by_epoll() {
  const int listener = listen_and_say(SOCK_NONBLOCK);
  const int set = ::epoll_create1(EPOLL_CLOEXEC);
  add(set, listener, EPOLLIN);
  std::array<epoll_event, 128> ready;
  for (;;) {
    const int n = ::epoll_wait(set, ready.data(), static_cast<int>(ready.size()), -1);
    if (n < 0 && errno != EINTR) fail("epoll_wait");
    for (int i = 0; i < n; ++i) {
      const int fd = ready[static_cast<std::size_t>(i)].data.fd;
      if (fd != listener) {
        if (!echo_what_is_there(fd)) ::close(fd);
      } else if (const int c = ::accept4(listener, nullptr, nullptr, SOCK_NONBLOCK | SOCK_CLOEXEC); c >= 0) {
        add(set, c, EPOLLIN | EPOLLOUT | EPOLLRDHUP | EPOLLPRI | EPOLLET);
      }
    }
  }
}

#if GORO_HAS_URING

class uring_server {
 public:
  void serve() {
    start();
    const int listener = listen_and_say(0);
    ::io_uring_prep_multishot_accept(prepare(accepting, listener, 0), listener, nullptr, nullptr, 0);
    for (;;) {
      const int error = ::io_uring_submit_and_wait(&ring_, 1);
      if (error < 0 && error != -EINTR) fail("io_uring_enter", -error);
      io_uring_cqe* done;
      unsigned head;
      unsigned n = 0;
      io_uring_for_each_cqe(&ring_, head, done) {
        take(*done);
        ++n;
      }
      ::io_uring_cq_advance(&ring_, n);
    }
  }

 private:
  static constexpr unsigned buffers = 1024;
  static constexpr int most_connections = 4096;
  static constexpr int group = 1;
  enum operation : std::uint64_t { accepting, receiving, sending };

  void start() {
    io_uring_params p{};
    p.flags = IORING_SETUP_SINGLE_ISSUER | IORING_SETUP_DEFER_TASKRUN | IORING_SETUP_CQSIZE;
    p.cq_entries = 8192;
    if (const int error = ::io_uring_queue_init_params(1024, &ring_, &p)) fail("io_uring_setup", -error);
    const std::vector<int> none(most_connections, -1);
    if (const int error = ::io_uring_register_files(&ring_, none.data(), most_connections))
      fail("register_files", -error);
    void* memory = nullptr;
    if (::posix_memalign(&memory, 4096, buffers * sizeof(io_uring_buf)) != 0) fail("posix_memalign", ENOMEM);
    free_ = static_cast<io_uring_buf_ring*>(memory);
    io_uring_buf_reg r{};
    r.ring_addr = reinterpret_cast<std::uintptr_t>(memory);
    r.ring_entries = buffers;
    r.bgid = group;
    if (const int error = ::io_uring_register_buf_ring(&ring_, &r, 0)) fail("register_buf_ring", -error);
    ::io_uring_buf_ring_init(free_);
    for (unsigned i = 0; i != buffers; ++i) give_back(i);
  }

  // io_uring_prep_… leaves the user data that is set here as it is.
  io_uring_sqe* prepare(operation what, int fd, unsigned buffer) {
    io_uring_sqe* s = ::io_uring_get_sqe(&ring_);
    while (s == nullptr) {
      (void)::io_uring_submit(&ring_);
      s = ::io_uring_get_sqe(&ring_);
    }
    s->user_data = what << 56 | std::uint64_t{buffer} << 32 | static_cast<std::uint32_t>(fd);
    return s;
  }

  void receive(int fd) {
    io_uring_sqe* const s = prepare(receiving, fd, 0);
    ::io_uring_prep_recv_multishot(s, fd, nullptr, 0, 0);
    s->flags = IOSQE_FIXED_FILE | IOSQE_BUFFER_SELECT;
    s->buf_group = group;
  }

  void give_back(unsigned buffer) {
    ::io_uring_buf_ring_add(free_, data_[buffer].data(), static_cast<unsigned>(data_[buffer].size()),
                            static_cast<unsigned short>(buffer), buffers - 1, 0);
    ::io_uring_buf_ring_advance(free_, 1);
  }

  void place(int fd, int at) {
    if (::io_uring_register_files_update(&ring_, static_cast<unsigned>(at), &fd, 1) != 1)
      fail("files_update");
  }

  void take(const io_uring_cqe& done) {
    const auto fd = static_cast<int>(static_cast<std::uint32_t>(done.user_data));
    switch (static_cast<operation>(done.user_data >> 56)) {
      case accepting:
        if (done.res < 0 || done.res >= most_connections) fail("accept", -done.res);
        place(done.res, done.res);
        receive(done.res);
        break;
      case receiving:
        if (done.res > 0) {
          const unsigned buffer = done.flags >> IORING_CQE_BUFFER_SHIFT;
          io_uring_sqe* const s = prepare(sending, fd, buffer);
          ::io_uring_prep_send(s, fd, data_[buffer].data(), static_cast<std::size_t>(done.res),
                               MSG_NOSIGNAL | MSG_WAITALL);
          s->flags = IOSQE_FIXED_FILE;
          if ((done.flags & IORING_CQE_F_MORE) == 0) receive(fd);
        } else if (done.res == -ENOBUFS) {
          receive(fd);
        } else {
          place(-1, fd);
          ::close(fd);
        }
        break;
      case sending: give_back(static_cast<unsigned>(done.user_data >> 32 & 0xffff)); break;
    }
  }

  io_uring ring_{};
  io_uring_buf_ring* free_ = nullptr;
  std::vector<std::array<char, 4096>> data_{buffers};
};

#endif

}  // namespace

int main(int argc, char** argv) {
  const std::string_view how = argc >= 2 ? argv[1] : "";
  if (how == "epoll") serve_by_epoll();
#if GORO_HAS_URING
  if (how == "io_uring") {
    uring_server s;
    s.serve();
  }
#endif
  std::fprintf(stderr, "usage: net_floor epoll|io_uring (if it was built with liburing)\n");
  return 2;
}
