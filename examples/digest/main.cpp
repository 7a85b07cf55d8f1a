// SPDX-License-Identifier: MIT
// digest: checksums every regular file under a folder by a bounded pipeline of goroutines.
//
//   digest /usr/include --verify
//
// walk -> readers -> collector, as pipeline.hpp draws it. This file has the collector: the one place where
// results, signals and the clock of the progress bar come together, in one select.
#include "listing.hpp"
#include "options.hpp"
#include "pipeline.hpp"
#include "progress.hpp"
#include "sha256.hpp"
#include "signals.hpp"
#include "verify.hpp"

#include <algorithm>
#include <chrono>
#include <cstdio>

namespace digest {
namespace {

struct collected {
  std::vector<entry> entries;
  std::uint64_t bytes = 0;
  std::size_t errors = 0;
  int signal = 0;
};

// Receives until `results` is closed. Closes `stop` at the first signal, and at the first error unless told
// to keep going; what comes after that is of no interest.
collected collect(const goro::recv_chan<entry>& results, const goro::recv_chan<int>& signals,
                  const goro::chan<int>& stop, bool keep_going, progress& bar) {
  collected all;
  bool stopped = false;
  const auto stop_once = [&] {
    if (!stopped) stop.close();
    stopped = true;
  };
  const auto take = [&](entry e) {
    if (stopped) return;
    if (e.error.empty()) {
      all.bytes += e.bytes;
      all.entries.push_back(std::move(e));
      return;
    }
    ++all.errors;
    bar.clear();
    std::fprintf(stderr, "digest: %s: %s\n", e.path.c_str(), e.error.c_str());
    if (!keep_going) stop_once();
  };

  const auto ticks = bar.ticks();
  for (bool open = true; open;)
    goro::select(goro::recv(results,
                            [&](std::optional<entry> e) {
                              if (e) return take(std::move(*e));
                              open = false;
                            }),
                 goro::recv(signals,
                            [&](int number) {
                              all.signal = number;
                              stop_once();
                            }),
                 goro::recv(ticks, [&] { bar.draw(); }));
  bar.clear();
  return all;
}

collected run_pipeline(const options& options, const goro::recv_chan<int>& signals) {
  counters counters;
  goro::scope scope;  // ends before the counters do
  progress bar(counters);
  auto stop = goro::make_chan<int>();
  if (bar.shown()) start_scout(scope, options, stop, counters);
  const auto results = start_pipeline(scope, options, stop, counters);
  collected all = collect(results, signals, stop, options.keep_going, bar);
  scope.wait();
  return all;
}

int interrupted(int signal) {
  std::fprintf(stderr, "digest: interrupted\n");
  return 128 + signal;
}

int digest_main(const options& options) {
  const auto signals = watch_signals();
  const goro::time_point start = goro::clock::now();
  collected all = run_pipeline(options, signals);
  const double seconds = std::chrono::duration<double>(goro::clock::now() - start).count();
  if (all.signal != 0) return interrupted(all.signal);
  if (all.errors != 0 && !options.keep_going) return 1;

  std::sort(all.entries.begin(), all.entries.end(),
            [](const entry& a, const entry& b) { return a.path < b.path; });
  const std::string list = listing(all.entries);
  if (options.list && std::fwrite(list.data(), 1, list.size(), stdout) != list.size()) {
    std::fprintf(stderr, "digest: the list could not be written\n");
    return 1;
  }

  std::FILE* const out = options.list ? stderr : stdout;
  const double mib = static_cast<double>(all.bytes) / (1 << 20);
  std::fprintf(out, "files     %zu\n", all.entries.size());
  std::fprintf(out, "bytes     %llu (%.1f MiB)\n", static_cast<unsigned long long>(all.bytes), mib);
  std::fprintf(out, "combined  %s (SHA-256 of the list)\n", sha256::of(list).c_str());
  std::fprintf(out, "seconds   %.3f (%.0f MiB/s, %d readers, %d Ps)\n", seconds, mib / seconds, options.jobs,
               goro::max_procs());
  if (all.errors != 0) std::fprintf(out, "errors    %zu (left out above)\n", all.errors);

  bool good = all.errors == 0;
  if (options.verify) {
    const verification v = verify(all.entries, list, signals);
    if (v.signal != 0) return interrupted(v.signal);
    std::fprintf(out, "verify    %s\n", v.what.c_str());
    good = good && v.same;
  }
  return good ? 0 : 1;
}

}  // namespace
}  // namespace digest

int main(int argc, char** argv) {
  digest::options options = digest::parse(argc, argv);
  if (!options.error.empty()) {
    std::fprintf(stderr, "digest: %s; see digest --help\n", options.error.c_str());
    return 2;
  }
  if (options.help) {
    std::fputs(digest::usage, stdout);
    return 0;
  }
  if (!digest::sha256_self_check()) {
    std::fprintf(stderr, "digest: SHA-256 gives wrong results on this machine; check compiler and flags\n");
    return 1;
  }
  if (options.jobs == 0) options.jobs = 2 * goro::num_cpu();
  digest::block_signals();
  return goro::run([&] { return digest::digest_main(options); });
}
