// SPDX-License-Identifier: MIT
#include "base/static_storage.hpp"

#include <link.h>

#include <cstddef>
#include <cstdint>

namespace goro::detail {

namespace {

struct search {
  std::uintptr_t address;
  bool found = false;
};

int look_into(dl_phdr_info* module, std::size_t, void* argument) noexcept {
  search& s = *static_cast<search*>(argument);
  for (int i = 0; i != module->dlpi_phnum; ++i) {
    const ElfW(Phdr)& part = module->dlpi_phdr[i];
    std::uintptr_t first = 0;
    if (part.p_type == PT_LOAD)
      first = module->dlpi_addr + part.p_vaddr;
    else if (part.p_type == PT_TLS)
      first = reinterpret_cast<std::uintptr_t>(module->dlpi_tls_data);
    if (first != 0 && s.address - first < part.p_memsz) s.found = true;
  }
  return s.found ? 1 : 0;
}

}  // namespace

bool is_in_static_storage(const void* object) noexcept {
  search s{reinterpret_cast<std::uintptr_t>(object)};
  (void)dl_iterate_phdr(&look_into, &s);
  return s.found;
}

}  // namespace goro::detail
