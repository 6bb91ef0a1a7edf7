--- Make somebody a member of a channel, for a process.
--
-- A process that dies before the call has no member there; one that dies after it has one until its lease ends.
-- @batch 16
-- @full refused      it may add a member
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
-- @item arg member   the member
-- @returns integer   1 if the process had a lease; else 0: its other members must join again

lease = tonumber(lease)

local room = presence.room(sets, keep, ttl, tonumber(age))

local function item(counts, entries, leases, history, live, process, member)
  room.counts, room.entries, room.leases = counts, entries, leases
  room.channel.history, room.channel.live = history, live
  local wrong = presence.open(room)
  if wrong then
    return wrong
  end
  presence.add(room, process, member)
  local alive = presence.extend(room, process, lease, lease)
  presence.mark(room)
  return alive and 1 or 0
end
