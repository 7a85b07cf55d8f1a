// SPDX-License-Identifier: MIT
// Values: a node with its value behind it, in one block.
#include "context/core.hpp"

#include <new>
#include <stdexcept>

namespace goro::detail {
namespace {

std::size_t value_offset(std::size_t align) noexcept {
  return (sizeof(value_node) + align - 1) / align * align;
}
std::align_val_t block_align(std::size_t align) noexcept {
  return std::align_val_t{align > alignof(value_node) ? align : alignof(value_node)};
}

}  // namespace

void* value_storage(value_node* node) noexcept {
  return reinterpret_cast<char*>(node) + value_offset(node->align);
}

void free_value(value_node* node) noexcept {
  const std::align_val_t align = block_align(node->align);
  node->~value_node();
  ::operator delete(static_cast<void*>(node), align);
}

value_place begin_value(const context& parent, std::uint64_t key, std::size_t size, std::size_t align,
                        void (*destroy)(void*) noexcept) {
  context_node* const above = parent_of(parent, "with_value");
  if (key == 0)
    throw std::logic_error(
        "goro: with_value: the key has not been initialised yet; use it after the initialisation of its "
        "file");
  void* const block = ::operator new(value_offset(align) + size, block_align(align));
  auto* const node = ::new (block) value_node{{{1}, context_kind::value, above}, key, destroy, align};
  context_ref::share(above).detach();
  node->breaker = above->breaker;
  node->values = node;
  node->deadline = above->deadline;
  return {node, value_storage(node)};
}

void abort_value(context_node* node) noexcept {
  context_node* const parent = node->parent;
  free_value(static_cast<value_node*>(node));
  drop(parent);
}

const void* context_value(const context_node* node, std::uint64_t key) noexcept {
  if (node == nullptr) return nullptr;
  for (const value_node* v = node->values; v != nullptr; v = v->parent->values)
    if (v->key == key) return value_storage(const_cast<value_node*>(v));
  return nullptr;
}

}  // namespace goro::detail
