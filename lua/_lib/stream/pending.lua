-- `pending(stream, group, ids, consumer)`: which of those ids (ascending) are in the pending list of a group, or of one of its
-- consumers: a table from id to row of XPENDING. A position is delivered once, so an id that is pending for a consumer is under its lease. One XPENDING of the whole
-- range finds the ids in the usual case; those that it does not return are queried one by one.
local function pending(stream, group, ids, consumer)
  local found = {}
  local function query(from, to, count)
    if consumer then
      return redis.pcall('XPENDING', stream, group, from, to, count, consumer)
    end
    return redis.pcall('XPENDING', stream, group, from, to, count)
  end
  local range = query(ids[1], ids[#ids], 2 * #ids + 16)
  if range.err then
    -- Without the group there are no leases.
    if string.match(range.err, '^NOGROUP') then
      return found
    end
    error(range)
  end
  for at = 1, #range do
    found[range[at][1]] = range[at]
  end
  for _, id in ipairs(ids) do
    found[id] = found[id] or query(id, id, 1)[1]
  end
  return found
end
