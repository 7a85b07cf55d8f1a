// SPDX-License-Identifier: MIT
// Catch2, version 2: a test case fails if goroutines that it started, or that these started, are still there at
// its end.
//
//   #define CATCH_CONFIG_MAIN
//   #include <goro/catch2.hpp>
//   using goro_leaks = goro::leak::catch2_listener;
//   CATCH_REGISTER_LISTENER(goro_leaks)
//
// The failure says of each one where it was created, what it waits on and where it is. With sections, each run of
// the test case is looked at by itself. Daemons, and what a test's own std::threads have started, are not looked
// for. For options derive from it, and register that.
//
// Include it in one source file, the one with main, before catch2/catch.hpp: listeners need parts of Catch2 that
// other files do without.
#pragma once

#if !__has_include(<catch2/catch.hpp>)
#error "goro/catch2.hpp is for Catch2 version 2, whose <catch2/catch.hpp> is not found"
#endif
#ifndef CATCH_CONFIG_EXTERNAL_INTERFACES
#define CATCH_CONFIG_EXTERNAL_INTERFACES
#endif

#include <exception>
#include <optional>
#include <utility>

#include <catch2/catch.hpp>
#include <goro/leak.hpp>

namespace goro::leak {

class catch2_listener : public Catch::TestEventListenerBase {
 public:
  explicit catch2_listener(const Catch::ReporterConfig& config, options how = {})
      : TestEventListenerBase(config), how_(std::move(how)) {}

  // A run of a test case is its outermost section, and failures count until that has ended.
  void sectionStarting(const Catch::SectionInfo& section) override {
    TestEventListenerBase::sectionStarting(section);
    if (depth_++ == 0) family_.emplace();
  }
  void sectionEnded(const Catch::SectionStats& section) override {
    if (--depth_ == 0 && family_ && !is_dying_) look(section.sectionInfo);
    TestEventListenerBase::sectionEnded(section);
  }
  // After a fatal signal the rest is called by its handler: the process ends, and nothing more can be asked.
  bool assertionEnded(const Catch::AssertionStats& assertion) override {
    if (assertion.assertionResult.getResultType() == Catch::ResultWas::FatalErrorCondition) is_dying_ = true;
    return TestEventListenerBase::assertionEnded(assertion);
  }

 private:
  void look(const Catch::SectionInfo& test) {
    try {
      family_->verify_none(how_);
    } catch (const std::exception& e) {
      fail(test, e.what());
    }
    family_.reset();
  }
  static void fail(const Catch::SectionInfo& test, const char* text) {
    try {
      Catch::AssertionHandler failure(Catch::StringRef("goro::leak"), test.lineInfo, Catch::StringRef(),
                                      Catch::ResultDisposition::ContinueOnFailure);
      failure.handleMessage(Catch::ResultWas::ExplicitFailure, Catch::StringRef(text));
      failure.complete();
    } catch (const Catch::TestFailureException&) {  // --abort: it has been counted, and nobody would catch it
    }
  }

  const options how_;
  std::optional<family> family_;
  int depth_ = 0;
  bool is_dying_ = false;
};

}  // namespace goro::leak
