--- Read a page of schedules in the order of their ids.
--
-- It ends after 256 KiB of definitions.
-- @batch 1
-- @readonly
-- @include now
-- @include typed
-- @include stream/schedule
-- @item key schedules hash, see lua/_lib/stream/schedule.lua
-- @item key due     sorted set of next occurrences
-- @item key ids     sorted set of ids
-- @item arg after   id after which the page begins; empty for the first page
-- @item arg count   most schedules, up to 1,000
-- @returns list     Redis' time in ms; 1 when there may be more; then the schedules, see `schedule.state`

local MOST_BYTES = 262144

local function item(schedules, due, ids, after, count)
  local wrong = typed(schedules, 'hash') or typed(due, 'zset') or typed(ids, 'zset')
  if wrong then
    return wrong
  end
  local first = after == '' and '-' or '(' .. after
  local found = redis.call('ZRANGE', ids, first, '+', 'BYLEX', 'LIMIT', 0, count)
  local reply, bytes = { math.floor(now / 1000), #found == tonumber(count) and 1 or 0 }, 0
  for at, id in ipairs(found) do
    local state = schedule.state(schedules, due, id)
    bytes = bytes + #state[2]
    reply[#reply + 1] = state
    if bytes >= MOST_BYTES and at < #found then
      reply[2] = 1
      break
    end
  end
  return reply
end
