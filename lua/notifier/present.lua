--- Read who is on a channel, after members of processes that are gone were removed.
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
-- @item arg most     the most members to return, at most 1000
-- @returns list      '+' if there may be more members to remove, else ''; how many there are; members, any of them if there are more

lease = tonumber(lease)

local room = presence.room(sets, keep, ttl, tonumber(age))

-- The most steps of a scan. Each visits about as many members as are wanted.
local MOST_STEPS = 50

-- Adds members to a reply: all of them, if there are no more than `most`.
local function add_members(reply, counts, most)
  local seen, cursor = {}, '0'
  for _ = 1, MOST_STEPS do
    local page = redis.call('HSCAN', counts, cursor, 'COUNT', most)
    for at = 1, #page[2], 2 do
      local member = page[2][at]
      if not seen[member] and #reply < most + 2 then
        seen[member] = true
        reply[#reply + 1] = member
      end
    end
    cursor = page[1]
    if cursor == '0' or #reply == most + 2 then
      return
    end
  end
end

local function item(counts, entries, leases, history, live, most)
  room.counts, room.entries, room.leases = counts, entries, leases
  room.channel.history, room.channel.live = history, live
  local wrong = presence.open(room)
  if wrong then
    return wrong
  end
  local more = presence.expire(room, lease)
  presence.mark(room)
  local reply = { more and '+' or '', redis.call('HLEN', counts) }
  most = tonumber(most)
  if not more and most > 0 then
    add_members(reply, counts, most)
  end
  return reply
end
