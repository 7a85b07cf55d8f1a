// SPDX-License-Identifier: MIT
// A c-ares channel for each look-up, driven by the goroutine that wants the answer: no thread, no lock, and
// changes of /etc/resolv.conf are seen at once. Making one costs about as much as reading that file.
//
// c-ares has several sockets, which come and go; a goroutine waits on one thing. So they are in an epoll set
// of this look-up, level-triggered, and that set's own descriptor is what the goroutine waits on: when it is
// ready, the sockets are asked for without waiting and handed to c-ares. The time until c-ares wants to ask
// again is the read deadline. No c-ares function is on the stack while the goroutine waits.
#include "net/resolver.hpp"

#include "net/socket.hpp"

#include <goro/clock.hpp>
#include <goro/context.hpp>
#include <goro/detail/canceller.hpp>
#include <goro/detail/duration.hpp>
#include <goro/go.hpp>

#include <ares.h>

#include <netinet/in.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <algorithm>
#include <charconv>
#include <mutex>

namespace goro::detail {

namespace {

std::mutex servers_lock;  // never held over a wait
std::string& servers() {
  static std::string* const one = new std::string;
  return *one;
}

int init_library() noexcept {
  static const int result = ares_library_init(ARES_LIB_INIT_ALL);
  return result;
}

struct breaker : cancel_node {
  explicit breaker(socket_handle& s) noexcept : set(s) { cancelled = &on_cancel; }
  static void on_cancel(cancel_node& node) noexcept {
    auto& self = static_cast<breaker&>(node);
    self.set.set_deadline(direction::write, 1);  // says that it is over, and nobody moves it
    self.set.set_deadline(direction::read, 1);
  }
  socket_handle& set;
};

class look_up_under_way {
 public:
  explicit look_up_under_way(std::error_code& ec) {
    const int fd = epoll_create1(EPOLL_CLOEXEC);
    if (fd < 0) {
      ec = last_error();
      return;
    }
    ec = set_.take(fd);
    if (ec) return;
    ares_options options{};
    options.sock_state_cb = &on_socket;
    options.sock_state_cb_data = this;
    int result = init_library();
    if (result == ARES_SUCCESS)
      result = goro::blocking([&] { return ares_init_options(&channel_, &options, ARES_OPT_SOCK_STATE_CB); });
    if (result != ARES_SUCCESS) {
      channel_ = nullptr;
      ec = result == ARES_ENOMEM ? std::make_error_code(std::errc::not_enough_memory)
                                 : net::make_error_code(net::errc::lookup_failed);
      return;
    }
    const std::lock_guard<std::mutex> hold(servers_lock);
    if (!servers().empty()) (void)ares_set_servers_ports_csv(channel_, servers().c_str());
  }
  ~look_up_under_way() {
    if (channel_ != nullptr) ares_destroy(channel_);
    ares_freeaddrinfo(found_);
  }
  look_up_under_way(const look_up_under_way&) = delete;
  look_up_under_way& operator=(const look_up_under_way&) = delete;

  std::vector<net::address> run(const context& ctx, const std::string& host, const std::string& service,
                                std::error_code& ec) {
    ares_addrinfo_hints hints{};
    hints.ai_family = AF_UNSPEC;
    hints.ai_socktype = SOCK_STREAM;
    const char* const port = service.empty() ? nullptr : service.c_str();
    // It reads /etc/hosts in here.
    goro::blocking([&] { ares_getaddrinfo(channel_, host.c_str(), port, &hints, &on_result, this); });
    canceller* const cancel = canceller_of(ctx);
    breaker node(set_);
    const bool watched = cancel != nullptr && cancel->add(node);
    if (cancel == nullptr || watched)
      while (!done_ && wait()) {
      }
    if (watched) cancel->remove(node);
    if (!done_) ares_cancel(channel_);  // on_result is called in it
    if (ctx.err() && status_ != ARES_SUCCESS) {
      ec = ctx.err();
      return {};
    }
    return answer(ec);
  }

 private:
  static void on_socket(void* self, ares_socket_t fd, int readable, int writable) noexcept {
    const int set = static_cast<look_up_under_way*>(self)->set_.fd();
    epoll_event event{};
    event.events = (readable != 0 ? EPOLLIN : 0u) | (writable != 0 ? EPOLLOUT : 0u);
    event.data.fd = fd;
    if (event.events == 0)
      (void)epoll_ctl(set, EPOLL_CTL_DEL, fd, &event);
    else if (epoll_ctl(set, EPOLL_CTL_MOD, fd, &event) != 0)
      (void)epoll_ctl(set, EPOLL_CTL_ADD, fd, &event);
  }

  static void on_result(void* self, int status, int, ares_addrinfo* found) noexcept {
    auto& me = *static_cast<look_up_under_way*>(self);
    me.status_ = status;
    me.found_ = found;
    me.done_ = true;
  }

  // Until a socket is ready or c-ares's time is up; then lets it work. False: cancelled.
  bool wait() {
    timeval left{};
    timeval* const until_retry = ares_timeout(channel_, nullptr, &left);
    const std::int64_t retry =
        until_retry == nullptr
            ? never
            : deadline_after(std::chrono::seconds(left.tv_sec) + std::chrono::microseconds(left.tv_usec));
    set_.set_deadline(direction::read, retry);
    // After that, so that a cancellation in between is not lost.
    if (set_.poll().check(direction::write) != poll_end::ready) return false;
    epoll_event events[8];
    int n = epoll_wait(set_.fd(), events, 8, 0);
    if (n <= 0) {
      const poll_end end = set_.poll().wait(direction::read);
      if (set_.poll().check(direction::write) != poll_end::ready) return false;
      if (end == poll_end::ready) return true;  // who is it? the next round asks
      ares_process_fd(channel_, ARES_SOCKET_BAD, ARES_SOCKET_BAD);
      return true;
    }
    for (int i = 0; i != n && !done_; ++i) {
      const int fd = events[i].data.fd;
      ares_process_fd(channel_, (events[i].events & ~EPOLLOUT) != 0 ? fd : ARES_SOCKET_BAD,
                      (events[i].events & EPOLLOUT) != 0 ? fd : ARES_SOCKET_BAD);
    }
    return true;
  }

  std::vector<net::address> answer(std::error_code& ec) {
    std::vector<net::address> all;
    if (status_ == ARES_SUCCESS) {
      for (const ares_addrinfo_node* each = found_->nodes; each != nullptr; each = each->ai_next) {
        const auto a = net::address::from_native(each->ai_addr, each->ai_addrlen);
        if ((a.is_v4() || a.is_v6()) && std::find(all.begin(), all.end(), a) == all.end()) all.push_back(a);
      }
      if (!all.empty()) return all;
      status_ = ARES_ENODATA;
    }
    switch (status_) {
      case ARES_ENOTFOUND:
      case ARES_ENODATA: ec = net::errc::no_such_host; break;
      case ARES_EBADNAME:
      case ARES_ESERVICE: ec = net::errc::bad_address; break;
      case ARES_ENOMEM: ec = std::make_error_code(std::errc::not_enough_memory); break;
      default: ec = net::errc::lookup_failed; break;
    }
    return all;
  }

  socket_handle set_;
  ares_channel channel_ = nullptr;
  ares_addrinfo* found_ = nullptr;
  int status_ = ARES_ECANCELLED;
  bool done_ = false;
};

}  // namespace

void set_name_servers(const std::string& wanted) {
  const std::lock_guard<std::mutex> hold(servers_lock);
  servers() = wanted;
}

bool split_host_port(std::string_view text, std::string_view& host, std::string_view& port) noexcept {
  const std::size_t colon = text.rfind(':');
  if (colon == text.npos || colon + 1 == text.size()) return false;
  host = text.substr(0, colon);
  port = text.substr(colon + 1);
  if (host.size() >= 2 && host.front() == '[' && host.back() == ']') {
    host = host.substr(1, host.size() - 2);
    return true;
  }
  return host.find(':') == host.npos;
}

std::vector<net::address> look_up(const context& ctx, std::string_view host, std::string_view service,
                                  std::error_code& ec) {
  ec = ctx.err();
  if (ec) return {};
  // A number is not for c-ares, which takes 0 for no service.
  std::uint16_t port = 0;
  const char* const end = service.data() + service.size();
  const auto [read_to, error] = std::from_chars(service.data(), end, port);
  const bool is_number = error == std::errc() && read_to == end;
  if (error == std::errc::result_out_of_range) {
    ec = net::errc::bad_address;
    return {};
  }
  look_up_under_way one(ec);
  if (ec) return {};
  auto all = one.run(ctx, std::string(host), is_number ? std::string() : std::string(service), ec);
  if (is_number)
    for (net::address& each : all) each = each.with_port(port);
  return all;
}

}  // namespace goro::detail
