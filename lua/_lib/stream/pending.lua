-- `pending(…)`: which of the ids, ascending, are in the pending list of a group, or of one of its consumers, as a set.
-- A position is handed out once, so an id that is pending for a consumer is under its lease. A look at the whole range
-- finds them in the usual case; what it does not show is asked for one by one.
local function pending(stream, group, ids, consumer)
  local found = {}
  local function ask(from, to, count)
    if consumer then
      return redis.pcall('XPENDING', stream, group, from, to, count, consumer)
    end
    return redis.pcall('XPENDING', stream, group, from, to, count)
  end
  local range = ask(ids[1], ids[#ids], 2 * #ids + 16)
  if range.err then
    -- With its group a lease is gone, too.
    if string.match(range.err, '^NOGROUP') then
      return found
    end
    error(range)
  end
  for at = 1, #range do
    found[range[at][1]] = true
  end
  for _, id in ipairs(ids) do
    if not found[id] and ask(id, id, 1)[1] then
      found[id] = true
    end
  end
  return found
end
