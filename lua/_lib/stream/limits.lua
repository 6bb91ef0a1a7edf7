-- `limits`: what a stream of stream/append.lua may hold.
--
-- - `limits.backlog(stream)` returns how many entries of a log the slowest group has still to finish.
-- - `limits.trim(stream)` trims the stream, and returns how many entries were deleted. A trim removes at most 256 entries or some 256 KiB,
--   so that adds cost the same while a group keeps a stream far over its limits. It stops at the first entry that a group has not read or
--   not finished, unless the log is lossy. Of a lossy log with a table `stream.missed` it adds there, for each group, how many of the
--   deleted entries the group had not finished.
-- @include now
-- @include earlier
-- @include following
-- @include stream/groups
-- @include ids
local limits = { backlog = nil, trim = nil }
local EVERY, MOST = 64, 256

-- The id before which every group has finished all entries; nil when there is no group.
local function finished(stream)
  local bound
  for _, group in ipairs(groups(stream)) do
    local first
    if group.pending > 0 then
      first = redis.call('XPENDING', stream, group.name, '-', '+', 1)[1][1]
    else
      first = following(group['last-delivered-id'])
    end
    if not bound or earlier(first, bound) then
      bound = first
    end
  end
  return bound
end

function limits.backlog(stream)
  if not stream.backlog then
    local most = 0
    for _, group in ipairs(stream.length > 0 and groups(stream.key) or {}) do
      -- Redis does not know the lag after an entry was deleted by hand.
      most = math.max(most, group.lag and group.lag + group.pending or stream.length)
    end
    stream.backlog = most
  end
  return stream.backlog
end

-- Counts, for each group, the entries of a list before position `at` that it has not read or not finished.
local function note_missed(stream, list, at)
  local final = list[at - 1]
  for _, group in ipairs(groups(stream.key)) do
    local missed = 0
    for before = at - 1, 1, -1 do
      if not earlier(group['last-delivered-id'], list[before]) then
        break
      end
      missed = missed + 1
    end
    if group.pending > 0 then
      missed = missed + #redis.call('XPENDING', stream.key, group.name, list[1], final, at - 1)
    end
    if missed > 0 then
      stream.missed[group.name] = (stream.missed[group.name] or 0) + missed
    end
  end
end

function limits.trim(stream)
  local key, age = stream.key, stream.age
  local bound = not stream.lossy and finished(key) or nil
  local over = stream.entries > 0 and stream.length - stream.entries or 0
  if stream.bytes > 0 then
    -- Not every server has it, and not every user may run it: penknife reports that it is missing.
    local bytes = redis.pcall('MEMORY', 'USAGE', key)
    if type(bytes) == 'number' and bytes > stream.bytes then
      over = math.max(over, 2 * EVERY)
    end
  end
  local oldest = age > 0 and now / 1000 - age or 0
  local most = math.min(oldest > 0 and MOST or over, MOST)
  if most <= 0 or (bound and not earlier(redis.call('XRANGE', key, '-', '+', 'COUNT', 1)[1][1], bound)) then
    return 0
  end
  -- The last entry of the list is never deleted: XTRIM needs an id to stop at.
  local list = ids(key, '-', '+', most + 1)
  for at, id in ipairs(list) do
    local wanted = at <= over or tonumber(string.match(id, '%d+')) < oldest
    if at == #list or not wanted or (bound and not earlier(id, bound)) then
      if at <= 1 then
        return 0
      end
      if stream.lossy and stream.missed then
        note_missed(stream, list, at)
      end
      return redis.call('XTRIM', key, 'MINID', '=', id)
    end
  end
  return 0
end
