--- Extend the lease of a process on a channel, and remove members of processes that are gone.
--
-- A process that ends gives itself a short lease, so that its members may join elsewhere before they count as gone.
-- @batch 8
-- @full runs         it frees memory; the history that it adds to has a bound
-- @include notifier/presence
-- @shared keys sets  sorted sets: key and epoch of the next history of channels without one; key `entries`, by the end of its first lease
-- @shared keep       events to keep of the channel's history, about
-- @shared ttl        milliseconds after its last event until the history expires
-- @shared age        milliseconds after which an event is deleted; 0: no limit
-- @shared lease      milliseconds for which a process counts after its last call
-- @item key counts   hash: member -> processes that have it
-- @item key entries  sorted set: <process>\n<member>
-- @item key leases   sorted set: process, by the millisecond at which its lease ends
-- @item key history  stream of the channel; `entries` if nothing is published
-- @item arg live     pub/sub channel of the channel; empty if nothing is published
-- @item arg process  id of the process
-- @item arg lasts    milliseconds until the lease ends
-- @item arg changes  changes of the process, one a line, at most 64: 1 (joined) or 0 (left), and the member
-- @returns string    '1' if the lease had not ended; '0' if it had: its members must join again; '2' if one of the changes is lost: its members must join again as another process; '+' behind it: call again for more

lease = tonumber(lease)

local room = presence.room(sets, keep, ttl, tonumber(age))

local function item(counts, entries, leases, history, live, process, lasts, changes)
  room.counts, room.entries, room.leases = counts, entries, leases
  room.channel.history, room.channel.live = history, live
  local wrong = presence.open(room)
  if wrong then
    return wrong
  end
  local alive = presence.extend(room, process, tonumber(lasts), lease)
  local more = presence.expire(room, lease)
  presence.mark(room)
  local lost = false
  for change in string.gmatch(alive and changes or '', '[^\n]+') do
    lost = lost or not presence.has(room, process, change)
  end
  return (lost and '2' or alive and '1' or '0') .. (more and '+' or '')
end
