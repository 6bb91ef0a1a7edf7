-- `acknowledge(stream, group, declared, ids)`: acknowledges entries of the stream for a group; `ids` are ascending. In a work queue
-- (`declared` lists its groups, '-' means an event log) it deletes the entries that every group has finished. An existing group
-- counts even if this process did not declare it. A declared group that does not exist yet has not finished any entry.
--
-- XTRIM deletes the entries before the first one that any group has still to finish. It drops whole nodes and costs a fraction of
-- XDEL. A call trims at most 5,000 entries; so many are there after a dropped group had kept them.
-- @include earlier
-- @include following
-- @include stream/groups
-- @include stream/pending
local MOST_TRIMMED = 5000

local function acknowledge(stream, group, declared, ids)
  redis.call('XACK', stream, group, unpack(ids))
  if declared == '-' then
    return
  end
  local missing = {}
  for name in string.gmatch(declared, '%S+') do
    missing[name] = true
  end
  local all, bound = groups(stream), nil
  for _, each in ipairs(all) do
    missing[each.name] = nil
    local first
    if each.pending > 0 then
      first = redis.call('XPENDING', stream, each.name, '-', '+', 1)[1][1]
    else
      first = following(each['last-delivered-id'])
    end
    if not bound or earlier(first, bound) then
      bound = first
    end
  end
  if next(missing) then
    return
  end
  local left = ids
  if redis.call('XTRIM', stream, 'MINID', '~', bound, 'LIMIT', MOST_TRIMMED) < MOST_TRIMMED - 1000 then
    redis.call('XTRIM', stream, 'MINID', '=', bound)
    left = {}
    for _, id in ipairs(ids) do
      if not earlier(id, bound) then
        left[#left + 1] = id
      end
    end
  end
  -- Entries after the first unfinished one.
  for _, other in ipairs(all) do
    if other.name ~= group and left[1] then
      local theirs = other.pending > 0 and pending(stream, other.name, left) or {}
      local finished = {}
      for _, id in ipairs(left) do
        if not theirs[id] and not earlier(other['last-delivered-id'], id) then
          finished[#finished + 1] = id
        end
      end
      left = finished
    end
  end
  if left[1] then
    redis.call('XDEL', stream, unpack(left))
  end
end
