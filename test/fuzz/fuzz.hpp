// SPDX-License-Identifier: MIT
// What is fuzzed: each is a function of bytes that must neither crash nor break what it promises (abort says so).
// libFuzzer calls one of them (fuzz_main.cpp, `make fuzz`); test/http/fuzz_test.cpp replays the corpus and a bounded
// number of changed inputs.
#pragma once

#include <string_view>

namespace goro_fuzz {

void request(std::string_view bytes);    // the parser of requests, in two ways of cutting the input
void response(std::string_view bytes);   // likewise of responses
void router(std::string_view bytes);     // patterns, then paths
void websocket(std::string_view bytes);  // frames and texts

struct target {
  const char* name;  // and of its folder in test/fuzz/corpus
  void (*run)(std::string_view bytes);
};
inline constexpr target targets[] = {
    {"request", request}, {"response", response}, {"router", router}, {"websocket", websocket}};

}  // namespace goro_fuzz
