// SPDX-License-Identifier: MIT
// Full disks and exhausted descriptors: the error that the system gives, and all goes on once there is room again.
// Each in a process of its own, since limits and mounts are the process's.
#include "net/connected.hpp"

#include "support/at_procs.hpp"
#include "support/child.hpp"

#include <goro/leak.hpp>

#include <sched.h>
#include <sys/mount.h>
#include <sys/resource.h>

#include <csignal>
#include <filesystem>
#include <vector>

namespace {

using namespace goro_test;

class Exhausted : public testing::Test {
 protected:
  // Runs a test of ExhaustedChild with each engine for files.
  static void in_child(const std::string& name) {
    for (const char* uring : {"1", "0"}) {
      const auto r = run_child("/proc/self/exe",
                               {"--gtest_filter=ExhaustedChild.*" + name, "--gtest_also_run_disabled_tests"},
                               {{"GORO_URING", uring}});
      EXPECT_EQ(r.exit_status, 0) << "GORO_URING=" << uring << "\n" << r.out << r.err;
      if (r.out.find("[  SKIPPED ]") != std::string::npos) GTEST_SKIP() << r.out;
    }
  }

 private:
  hang_guard guard_{"Exhausted", 90};
};

class scratch_folder {
 public:
  scratch_folder() : path("/tmp/goro-exhausted-" + std::to_string(::getpid())) {
    std::filesystem::create_directory(path);
  }
  ~scratch_folder() {
    std::error_code ec;
    std::filesystem::remove_all(path, ec);
  }
  scratch_folder(const scratch_folder&) = delete;
  scratch_folder& operator=(const scratch_folder&) = delete;

  const std::string path;
};

// Writes until it fails, and says how much was written and why no more.
std::pair<std::size_t, std::error_code> fill(net::file& f) {
  const std::string piece(10'000, 'x');
  std::size_t done = 0;
  std::error_code ec;
  while (!ec && done < 10'000'000) done += f.write(piece, ec);
  return {done, ec};
}

TEST_F(Exhausted, ADeviceThatIsAlwaysFull) {
  net::file f("/dev/full", net::file_mode::write);
  std::error_code ec;
  EXPECT_EQ(f.write("x", ec), 0u);
  EXPECT_EQ(ec, std::errc::no_space_on_device);
  EXPECT_EQ(f.write_at("x", 7, ec), 0u);
  EXPECT_EQ(ec, std::errc::no_space_on_device);
  EXPECT_EQ(f.write("", ec), 0u);
  EXPECT_FALSE(ec);
  try {
    f.write("x");
    FAIL() << "it was written";
  } catch (const std::system_error& e) {
    EXPECT_EQ(e.code(), std::errc::no_space_on_device);
  }
  goro::leak::verify_none();
}

// A file system of 64 KiB. In a mount namespace of its own, for which one must be somebody.
TEST(ExhaustedChild, DISABLED_FullDisk) {
  const scratch_folder folder;
  if (::unshare(CLONE_NEWNS) != 0 && ::unshare(CLONE_NEWUSER | CLONE_NEWNS) != 0)
    GTEST_SKIP() << "no mount namespace is to be had";
  if (::mount("none", "/", nullptr, MS_REC | MS_PRIVATE, nullptr) != 0 ||
      ::mount("none", folder.path.c_str(), "tmpfs", 0, "size=64k") != 0)
    GTEST_SKIP() << "no file system may be mounted";
  {
    net::file first(folder.path + "/first", net::file_mode::write);
    const auto [done, why] = fill(first);
    EXPECT_EQ(why, std::errc::no_space_on_device);
    EXPECT_GT(done, 32'000u);
    EXPECT_LE(done, 65'536u);
    EXPECT_EQ(std::filesystem::file_size(folder.path + "/first"), done) << "what is counted is there";
  }
  std::filesystem::remove(folder.path + "/first");
  net::file second(folder.path + "/second", net::file_mode::write);
  second.write(std::string(30'000, 'y'));  // there is room again
  second.sync();
  second.close();
  EXPECT_EQ(std::filesystem::file_size(folder.path + "/second"), 30'000u);
  ::umount2(folder.path.c_str(), MNT_DETACH);
}

TEST_F(Exhausted, AFullDisk) { in_child("FullDisk"); }

TEST(ExhaustedChild, DISABLED_FileSizeLimit) {
  const scratch_folder folder;
  std::signal(SIGXFSZ, SIG_IGN);
  const rlimit limit{.rlim_cur = 25'000, .rlim_max = RLIM_INFINITY};
  ASSERT_EQ(::setrlimit(RLIMIT_FSIZE, &limit), 0);
  net::file f(folder.path + "/file", net::file_mode::write);
  const auto [done, why] = fill(f);
  EXPECT_EQ(why, std::errc::file_too_large);
  EXPECT_EQ(done, 25'000u);
  f.write_at("still", 100);
  char got[5];
  net::file again(folder.path + "/file");
  EXPECT_EQ(again.read_at(got, 100), 5u);
  EXPECT_EQ(std::string_view(got, 5), "still");
}

TEST_F(Exhausted, ALimitOfFileSize) { in_child("FileSizeLimit"); }

// Takes all descriptors there are, but `left`; gives them back at the end.
class descriptors_gone {
 public:
  explicit descriptors_gone(int left = 0) {
    // UBSan looks at a category, or an exception, of a type that it has not seen yet, and needs a pipe for that.
    for (const std::error_category* c : {&std::generic_category(), &std::system_category()}) {
      try {
        throw std::system_error(EMFILE, *c);
      } catch (const std::system_error& e) {
        EXPECT_EQ(e.code(), std::errc::too_many_files_open);
      }
    }
    rlimit limit{};
    EXPECT_EQ(::getrlimit(RLIMIT_NOFILE, &limit), 0);
    limit.rlim_cur = 64;
    EXPECT_EQ(::setrlimit(RLIMIT_NOFILE, &limit), 0);
    for (int fd = ::dup(0); fd >= 0; fd = ::dup(0)) taken_.push_back(fd);
    for (; left > 0 && !taken_.empty(); --left) give_one_back();
  }
  ~descriptors_gone() {
    while (!taken_.empty()) give_one_back();
  }
  descriptors_gone(const descriptors_gone&) = delete;
  descriptors_gone& operator=(const descriptors_gone&) = delete;

 private:
  void give_one_back() {
    ::close(taken_.back());
    taken_.pop_back();
  }
  std::vector<int> taken_;
};

TEST(ExhaustedChild, DISABLED_DescriptorsForDial) {
  listening tcp(kind::tcp);
  listening local(kind::unix_socket);
  const std::string port = std::to_string(tcp.listener.local_address().port());
  { const auto warm = connect(tcp); }  // what is opened once is open
  const auto dial_all = [&] {
    std::vector<std::error_code> codes;
    for (const std::string& at :
         {"127.0.0.1:" + port, "localhost:" + port, local.listener.local_address().to_string()}) {
      std::error_code ec;
      (void)net::dial(goro::background(), at, ec);
      codes.push_back(ec);
    }
    return codes;
  };
  {
    const descriptors_gone none;
    for (const std::error_code& ec : dial_all())
      EXPECT_EQ(ec, std::errc::too_many_files_open) << ec.message();
    std::error_code ec;
    EXPECT_FALSE(net::listen("127.0.0.1:0", {}, ec));
    EXPECT_EQ(ec, std::errc::too_many_files_open);
    EXPECT_THROW(net::file("/etc/passwd"), std::system_error);
  }
  for (const std::error_code& ec : dial_all()) EXPECT_FALSE(ec) << ec.message();
  goro::leak::verify_none();
}

TEST_F(Exhausted, NoDescriptorForDial) { in_child("DescriptorsForDial"); }

}  // namespace
