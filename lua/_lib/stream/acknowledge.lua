-- `acknowledge(…)`: a group is done with ids of the stream, ascending. In a work queue (`declared` names its groups, '-' means an
-- event log) those that every group is done with are deleted. A group that is there counts even if this process did not
-- declare it, and one that is declared and not there yet has everything still to come.
--
-- What lies before the first entry that any group has to finish goes by XTRIM, which drops whole nodes and costs a
-- fraction of XDEL; whole nodes of at most 5,000 entries a call, as when a group that held up many was dropped.
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
  -- Those in front of which others are still under way.
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
