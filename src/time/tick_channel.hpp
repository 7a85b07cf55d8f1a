// SPDX-License-Identifier: MIT
// The channel of a timer, a ticker or after(): a timer channel of the room chan with a tick that comes into
// being only when somebody looks.
//
// The tick's state lies in the channel's own block and is guarded by the channel's lock.
//   T1  The node is in a heap only while a receiver waits and the tick is active. Otherwise whether the tick
//       is due is computed at the next look (poll). So a time-out that is made, not waited for and dropped
//       never touches a heap.
//   T2  `active`: a tick is still to come. A one-shot tick that has been delivered, to a receiver or into the
//       hidden slot, is not active. So "will it, or could it still be received" is: active, or the slot is
//       full.
//   T3  A tick delivered is the time at which it was due, whenever that happens. The next one of a ticker is
//       due at the first multiple of the period after now: late ones are dropped, the phase is kept.
// Lock order: the channel's lock, then a heap's. fire, which a heap calls without a lock, takes the
// channel's; the channel cannot go away meanwhile, because destroy waits for fire.
#pragma once

#include <goro/detail/hchan.hpp>

#include <cstdint>

namespace goro::detail {

// A new channel with one count. The first tick is due after `d` ns (below 0: as 0); period 0: there is no
// other. Throws std::bad_alloc.
hchan* make_tick_channel(std::int64_t d, std::int64_t period);

// No tick can be received from now on. True: one could have been, now or later.
bool stop_ticks(hchan* channel) noexcept;

// The same, and then a first tick after `d` ns. Throws std::bad_alloc, with the ticks stopped.
bool reset_ticks(hchan* channel, std::int64_t d, std::int64_t period);

}  // namespace goro::detail
