-- `reserve(stream)`: takes the next id of a stream of append.lua for an entry that is stored elsewhere. No other entry of the stream gets it.
-- Returns the id, or the error when Redis refuses it.
-- @include now
-- @include earlier
-- @include following
local function reserve(stream)
  if not stream.last then
    local info = redis.call('XINFO', 'STREAM', stream.key)
    for at = 1, #info, 2 do
      if info[at] == 'last-generated-id' then
        stream.last = info[at + 1]
      end
    end
  end
  local present = string.format('%.0f-0', math.floor(now / 1000))
  local id = earlier(stream.last, present) and present or following(stream.last)
  local done = redis.pcall('XSETID', stream.key, id)
  if done.err then
    return done
  end
  stream.last = id
  return id
end

