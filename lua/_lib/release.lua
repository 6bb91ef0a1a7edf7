-- `release(…)`: a group is done with ids of the stream. In a work queue (`declared` names its groups, '-' means an event
-- log) those that every group is done with are deleted. A group that is there counts even if this process did not
-- declare it, and one that is declared and not there yet has everything still to come.
-- @include earlier
-- @include groups
-- @include pending
local function release(stream, group, declared, ids)
  redis.call('XACK', stream, group, unpack(ids))
  if declared == '-' then
    return
  end
  local missing, left = {}, ids
  for name in string.gmatch(declared, '%S+') do
    missing[name] = true
  end
  for _, other in ipairs(groups(stream)) do
    missing[other.name] = nil
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
  if left[1] and next(missing) == nil then
    redis.call('XDEL', stream, unpack(left))
  end
end
