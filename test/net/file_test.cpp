// SPDX-License-Identifier: MIT
// Files, through io_uring and without it. What needs another engine runs in a process of its own.
#include "net/connected.hpp"

#include "support/child.hpp"

#include <linux/filter.h>
#include <linux/seccomp.h>
#include <sys/prctl.h>
#include <sys/syscall.h>

#include <cstddef>
#include <cstdio>
#include <vector>

namespace {

using namespace goro_test;

class File : public testing::Test {
 protected:
  File() : path_("/tmp/goro-file-test-" + std::to_string(::getpid())) {}
  ~File() override { ::unlink(path_.c_str()); }
  void TearDown() override { goro::leak::verify_none(); }

  const std::string path_;
};

void read_and_write(const std::string& path) {
  std::string content(300'000, '\0');
  for (std::size_t i = 0; i != content.size(); ++i) content[i] = static_cast<char>('a' + i * 7 % 26);
  {
    net::file f(path, net::file_mode::write);
    f.write(std::string_view(content).substr(0, 100'000));
    f.write(std::string_view(content).substr(100'000));
    f.sync();
  }
  net::file f(path);
  std::string got;
  std::vector<char> buffer(70'000);
  while (const std::size_t n = f.read(buffer)) got.append(buffer.data(), n);
  EXPECT_TRUE(got == content);
  EXPECT_EQ(f.read(buffer), 0u);
  char part[10];
  EXPECT_EQ(f.read_at(part, 1234), 10u);
  EXPECT_EQ(std::string(part, 10), content.substr(1234, 10));
  EXPECT_EQ(f.read_at(part, content.size()), 0u);
  net::file both(path, net::file_mode::read_write);
  both.write_at("XYZ", 5);
  EXPECT_EQ(both.read_at(part, 4), 10u);
  EXPECT_EQ(std::string(part, 5), content.substr(4, 1) + "XYZ" + content.substr(8, 1));
  net::file more(path, net::file_mode::append);
  more.write("end");
  EXPECT_EQ(both.read_at(part, content.size()), 3u);
}

void many_at_once(const std::string& path) {
  constexpr std::size_t block = 4096;
  constexpr int many = 64;
  net::file f(path, net::file_mode::read_write);
  goro::scope s;
  for (int i = 0; i != many; ++i)
    s.go([&f, i] {
      f.write_at(std::string(block, static_cast<char>('A' + i % 26)), static_cast<std::uint64_t>(i) * block);
      if (i % 8 == 0) f.sync();
    });
  s.wait();
  std::atomic<int> right{0};
  for (int i = 0; i != many; ++i)
    s.go([&f, &right, i] {
      std::vector<char> buffer(block);
      if (f.read_at(buffer, static_cast<std::uint64_t>(i) * block) == block && buffer[0] == 'A' + i % 26 &&
          buffer[block - 1] == buffer[0])
        ++right;
    });
  s.wait();
  EXPECT_EQ(right, many);
}

TEST_F(File, ReadsAndWrites) {
  read_and_write(path_);
  goro::async([this] { read_and_write(path_); }).get();
}

TEST_F(File, ManyAtOnce) { many_at_once(path_); }

TEST_F(File, ErrorsAndTheEnd) {
  try {
    net::file f("/nowhere/at/all");
    FAIL() << "it opened";
  } catch (const std::system_error& e) {
    EXPECT_EQ(e.code(), std::errc::no_such_file_or_directory);
    EXPECT_NE(std::string(e.what()).find("/nowhere/at/all"), std::string::npos);
  }
  net::file f("/proc/self/status");
  char buffer[64];
  EXPECT_GT(f.read(buffer), 0u);
  std::error_code ec;
  f.write("x", ec);
  EXPECT_EQ(ec, std::errc::bad_file_descriptor);  // it was opened to be read
  f.close();
  EXPECT_EQ(f.read(buffer, ec), 0u);
  EXPECT_EQ(ec, net::errc::closed);
  EXPECT_EQ(f.native_handle(), -1);
}

TEST_F(File, NP16_CannotHaveADeadline) {
  net::file f("/proc/self/status");
  std::error_code ec;
  f.set_deadline(goro::clock::now(), ec);
  EXPECT_EQ(ec, net::errc::no_deadline);
}

TEST(FileChild, DISABLED_WithThreads) {
  const std::string path = "/tmp/goro-file-child-" + std::to_string(::getpid());
  EXPECT_EQ(net::files_use(), net::file_engine::threads);
  read_and_write(path);
  many_at_once(path);
  ::unlink(path.c_str());
}

TEST(FileChild, DISABLED_WhereIoUringIsForbidden) {
  sock_filter program[] = {
      BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(seccomp_data, nr)),
      BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SYS_io_uring_setup, 0, 1),
      BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ERRNO | EPERM),
      BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW),
  };
  const sock_fprog filter{sizeof program / sizeof *program, program};
  ASSERT_EQ(::prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0), 0);
  ASSERT_EQ(::prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &filter), 0);
  const std::string path = "/tmp/goro-file-child-" + std::to_string(::getpid());
  EXPECT_EQ(net::files_use(), net::file_engine::threads);
  read_and_write(path);
  ::unlink(path.c_str());
}

TEST_F(File, FallsBackToThreads) {
  const auto off =
      run_child("/proc/self/exe", {"--gtest_filter=*WithThreads", "--gtest_also_run_disabled_tests"},
                {{"GORO_URING", "0"}});
  EXPECT_EQ(off.exit_status, 0) << off.out << off.err;
  const auto forbidden =
      run_child("/proc/self/exe", {"--gtest_filter=*IoUringIsForbidden", "--gtest_also_run_disabled_tests"});
  EXPECT_EQ(forbidden.exit_status, 0) << forbidden.out << forbidden.err;
  RecordProperty("engine", net::files_use() == net::file_engine::io_uring ? "io_uring" : "threads");
  std::printf("files use %s here\n", net::files_use() == net::file_engine::io_uring ? "io_uring" : "threads");
}

}  // namespace
