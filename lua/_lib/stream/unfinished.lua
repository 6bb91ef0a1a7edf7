-- `unfinished(stream, id, list)`: whether a group has still to finish an entry: it is waiting, running, or waits for another attempt.
-- `list` has name, key of ready and key of delayed of each group. Returns true, false, or 'groups' when the stream has a group that
-- is not in the list.
--
-- Reads at most 10,000 delayed entries, and 1,000 entries or 256 KiB of ready; if that does not tell, the entry counts as unfinished.
-- @include earlier
-- @include stream/groups
local MOST_DELAYED, MOST_READY, MOST_BYTES, STEP = 10000, 1000, 262144, 1000

-- A member of delayed begins with the entry's id, see `entry.put_delayed`. Its first byte says how many values follow.
local function is_delayed(delayed, id)
  if redis.call('ZCARD', delayed) > MOST_DELAYED then
    return true
  end
  local cursor, match = '0', '?' .. cmsgpack.pack(id) .. '*'
  -- Each round visits at least one bucket; a small set is returned at once.
  for _ = 1, 4 * MOST_DELAYED / STEP do
    local page = redis.call('ZSCAN', delayed, cursor, 'MATCH', match, 'COUNT', STEP)
    if page[2][1] then
      return true
    end
    cursor = page[1]
    if cursor == '0' then
      return false
    end
  end
  return true
end

local function is_ready(ready, id)
  local first, bytes, count = '-', 0, 0
  for _ = 1, MOST_READY do
    local page = redis.call('XRANGE', ready, first, '+', 'COUNT', 4)
    for _, found in ipairs(page) do
      for at, text in ipairs(found[2]) do
        if text == id and found[2][at - 1] == 'i' then
          return true
        end
        bytes = bytes + #text
      end
    end
    count = count + #page
    if #page < 4 then
      return false
    end
    if bytes >= MOST_BYTES or count >= MOST_READY then
      return true
    end
    first = '(' .. page[4][1]
  end
  return true
end

local function unfinished(stream, id, list)
  local known = {}
  for at = 1, #list, 3 do
    known[list[at]] = true
  end
  local all = redis.call('EXISTS', stream) == 1 and groups(stream) or {}
  local here = redis.call('XRANGE', stream, id, id)[1] ~= nil
  for _, group in ipairs(all) do
    if not known[group.name] then
      return 'groups'
    end
    if here and earlier(group['last-delivered-id'], id) then
      return true
    end
    if here and group.pending > 0 and redis.call('XPENDING', stream, group.name, id, id, 1)[1] then
      return true
    end
  end
  for at = 1, #list, 3 do
    if is_delayed(list[at + 2], id) or is_ready(list[at + 1], id) then
      return true
    end
  end
  return false
end
