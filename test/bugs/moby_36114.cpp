// SPDX-License-Identifier: MIT
// find: 1; proven: 1; deadlock: yes
// Docker issue 36114 (GoKer, double lock): hot-adding a virtual disk holds the service machine's lock, and a
// helper that it calls locks it again.
#include "bugs/shape.hpp"

namespace bugs::moby_36114 {

struct service_vm {
  mutex lock;
  int disks = 0;
};

void add_disks(service_vm& vm, bool fixed) {
  if (!fixed) vm.lock.lock();  // BUG: the caller holds it. Fixed, it says so and does not lock.
  ++vm.disks;
  if (!fixed) vm.lock.unlock();
}

void hot_add(service_vm& vm, bool fixed) {
  vm.lock.lock();
  add_disks(vm, fixed);
  vm.lock.unlock();
}

void run(bool fixed) {
  start("hot add", [vm = std::make_shared<service_vm>(), fixed] { hot_add(*vm, fixed); });
}

const shape self{"moby_36114", run};

}  // namespace bugs::moby_36114
