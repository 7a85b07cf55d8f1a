// SPDX-License-Identifier: MIT
#include <goro/net/error.hpp>

#include "net/errors.hpp"

#include <goro/errc.hpp>

#include <cerrno>
#include <string>

namespace goro::net {

namespace {

class category final : public std::error_category {
 public:
  const char* name() const noexcept override { return "goro.net"; }
  std::string message(int code) const override {
    switch (static_cast<errc>(code)) {
      case errc::closed: return "closed";
      case errc::bad_address: return "not an address";
      case errc::no_such_host: return "no such host";
      case errc::lookup_failed: return "the name could not be looked up";
      case errc::no_deadline: return "this descriptor cannot have a deadline";
      case errc::end_of_stream: return "end of stream";
    }
    return "unknown";
  }
};

const category& the_category() noexcept {
  static const category* const one = new category;  // outlives static destruction
  return *one;
}

}  // namespace

std::error_code make_error_code(errc code) noexcept { return {static_cast<int>(code), the_category()}; }

}  // namespace goro::net

namespace goro::detail {

std::error_code last_error() noexcept { return system_error_of(errno); }
std::error_code system_error_of(int error) noexcept { return {error, std::system_category()}; }

std::error_code error_of(poll_end end) noexcept {
  switch (end) {
    case poll_end::ready: break;
    case poll_end::timed_out: return goro::make_error_code(goro::errc::deadline_exceeded);
    case poll_end::closed: return net::make_error_code(net::errc::closed);
  }
  return {};
}

}  // namespace goro::detail
