--- Read values of an object at a known position of a stream, for a comparison.
-- @batch 4
-- @readonly
-- @item key stream   stream
-- @item key object   sorted set, hash, or history of a channel
-- @item arg kind     z, h or x for those three
-- @item arg fields   members or fields, each followed by a zero byte
-- @returns list      the last id of the stream, and how many entries were ever added; then the value of each field, null for none; of a history the offset and the tag of its newest event

-- The last id that the stream generated, and how many entries were ever added.
local function position_of(stream)
  if redis.call('EXISTS', stream) == 0 then
    return { '0-0', 0 }
  end
  local info, found = redis.call('XINFO', 'STREAM', stream), {}
  for at = 1, #info, 2 do
    found[info[at]] = info[at + 1]
  end
  return { found['last-generated-id'], found['entries-added'] }
end

-- The offset and the tag of the newest event. The tag is a hash of all events up to it.
local function newest(object)
  local entry = redis.call('XREVRANGE', object, '+', '-', 'COUNT', '1')[1]
  if not entry then
    return false
  end
  local tag = entry[2][5] == 'g' and entry[2][6] or ''
  return string.match(entry[1], '%d+$') .. ' ' .. tag
end

local function item(stream, object, kind, fields)
  local list = position_of(stream)
  if kind == 'x' then
    list[3] = newest(object)
    return list
  end
  local names = {}
  for name in string.gmatch(fields, '(%Z+)%z') do
    names[#names + 1] = name
  end
  local values = kind == 'z' and redis.call('ZMSCORE', object, unpack(names)) or redis.call('HMGET', object, unpack(names))
  for at = 1, #names do
    list[at + 2] = values[at]
  end
  return list
end
