// SPDX-License-Identifier: MIT
#include <goro/errc.hpp>

#include <string>

namespace goro {
namespace {

class errc_category final : public std::error_category {
 public:
  constexpr errc_category() noexcept = default;

  const char* name() const noexcept override { return "goro"; }

  std::string message(int value) const override {
    switch (static_cast<errc>(value)) {
      case errc::canceled: return "the context was canceled";
      case errc::deadline_exceeded: return "the deadline of the context passed";
      case errc::timed_out: return "the time limit of the call passed";
    }
    return "unknown goro error " + std::to_string(value);
  }

  // What makes our codes equal to std::errc values.
  std::error_condition default_error_condition(int value) const noexcept override {
    switch (static_cast<errc>(value)) {
      case errc::canceled: return std::errc::operation_canceled;
      case errc::deadline_exceeded:
      case errc::timed_out: return std::errc::timed_out;
    }
    return {value, *this};
  }
};

// Never destroyed: destructors that run at exit may still compare codes.
union undying {
  constexpr undying() noexcept : category() {}
  ~undying() {}
  errc_category category;
};
constinit undying instance;

}  // namespace

std::error_code make_error_code(errc code) noexcept {
  return {static_cast<int>(code), instance.category};
}

}  // namespace goro
