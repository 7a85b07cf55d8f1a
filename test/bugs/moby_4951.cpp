// SPDX-License-Identifier: MIT
// find: 2; proven: 2; deadlock: yes
// Docker issue 4951 (GoKer, AB-BA): deleting a device locks the device and then the set; the end of its
// grace period locks the set and then the device.
#include "bugs/shape.hpp"

namespace bugs::moby_4951 {

struct devices {
  mutex set;
  mutex device;
  meeting both;
};

void remove(devices& d, bool fixed) {
  mutex& first = fixed ? d.set : d.device;  // BUG: fixed, both lock the set first
  mutex& second = fixed ? d.device : d.set;
  first.lock();
  if (!fixed) d.both.arrive();
  second.lock();
  second.unlock();
  first.unlock();
}

void deactivate(devices& d, bool fixed) {
  d.set.lock();
  if (!fixed) d.both.arrive();
  d.device.lock();
  d.device.unlock();
  d.set.unlock();
}

void run(bool fixed) {
  const auto d = std::make_shared<devices>();
  start("remove", [d, fixed] { remove(*d, fixed); });
  start("deactivate", [d, fixed] { deactivate(*d, fixed); });
}

const shape self{"moby_4951", run};

}  // namespace bugs::moby_4951
