// SPDX-License-Identifier: MIT
// The fuzzers of test/fuzz without libFuzzer: the corpus, and changed forms of it, the same each time.
#include "fuzz/fuzz.hpp"

#include "support/at_procs.hpp"

#include <gtest/gtest.h>

#include <cstdint>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <string>
#include <vector>

namespace {

std::vector<std::string> corpus_of(const goro_fuzz::target& t) {
  std::vector<std::filesystem::path> files;
  const std::filesystem::path folder =
      std::filesystem::path(__FILE__).parent_path() / "../fuzz/corpus" / t.name;
  for (const auto& file : std::filesystem::directory_iterator(folder)) files.push_back(file.path());
  std::sort(files.begin(), files.end());
  std::vector<std::string> texts;
  for (const auto& file : files) {
    std::ifstream in(file, std::ios::binary);
    texts.emplace_back(std::istreambuf_iterator<char>(in), std::istreambuf_iterator<char>());
  }
  return texts;
}

class changes {
 public:
  std::size_t below(std::size_t n) {
    state_ ^= state_ << 13;
    state_ ^= state_ >> 7;
    state_ ^= state_ << 17;
    return static_cast<std::size_t>(state_ % n);
  }
  // Bits, bytes that mean something, pieces of itself and of another.
  std::string apply(std::string s, const std::string& other) {
    static constexpr char bytes[] =
        "\0\r\n\t :;,/%{}.\x7f\x80\xff"
        "09af+-";
    static const std::string odd(bytes, sizeof bytes - 1);
    for (std::size_t k = 1 + below(4); k != 0; --k) {
      const std::size_t at = below(s.size() + 1);
      switch (below(5)) {
        case 0: s.insert(at, 1, odd[below(odd.size())]); break;
        case 1: s.erase(at, 1 + below(4)); break;
        case 2: s.insert(at, other, below(other.size() + 1), below(20)); break;
        case 3:
          if (at != s.size()) s[at] = static_cast<char>(s[at] ^ (1 << below(8)));
          break;
        default: s.insert(at, s, below(s.size() + 1), below(20)); break;
      }
    }
    return s;
  }

 private:
  std::uint64_t state_ = 20090810;
};

class HttpFuzz : public testing::TestWithParam<goro_fuzz::target> {};
INSTANTIATE_TEST_SUITE_P(Targets, HttpFuzz, testing::ValuesIn(goro_fuzz::targets),
                         [](const auto& t) { return std::string(t.param.name); });

TEST_P(HttpFuzz, TheCorpusAndWhatIsLikeItKeepThePromises) {
  const std::vector<std::string> corpus = corpus_of(GetParam());
  ASSERT_FALSE(corpus.empty());
  for (const std::string& text : corpus) GetParam().run(text);
  changes change;
  for (int i = 0; i != goro_test::scaled(8000); ++i) {
    const std::string& text = corpus[change.below(corpus.size())];
    GetParam().run(change.apply(text, corpus[change.below(corpus.size())]));
  }
}

}  // namespace
