-- `unfinished(stream, id, list)`: whether a group has still to finish an entry: it is waiting, running, or waits for another attempt.
-- `list` has name, key of ready and key of delayed of each group. Returns true, false, or 'groups' when the stream has a group that
-- is not in the list.
--
-- Reads at most 2,000 delayed entries, and 1,000 entries or 256 KiB of ready, of all groups together. If that does not tell, the
-- entry counts as unfinished.
-- @include earlier
-- @include stream/sortable
-- @include stream/groups
local MOST_DELAYED, MOST_READY, MOST_BYTES, STEP = 2000, 1000, 262144, 500

-- A member of delayed begins with the entry's id, see `entry.put_delayed`. Its first byte says how many values follow. ZSCAN does
-- not copy members that do not match.
local function is_delayed(delayed, id, left)
  left.delayed = left.delayed - redis.call('ZCARD', delayed)
  if left.delayed < 0 then
    return true
  end
  local cursor, match = '0', '?' .. cmsgpack.pack(id) .. '*'
  -- Each round visits at least STEP buckets of a table that has at most four times as many buckets as members, or all of a small set.
  for _ = 1, 8 * MOST_DELAYED / STEP do
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

local function is_ready(ready, id, left)
  -- A run has its entries as members (members.lua).
  local first, wanted = '-', '\0' .. sortable(id) .. '\0'
  for _ = 1, MOST_READY do
    local page = redis.call('XRANGE', ready, first, '+', 'COUNT', 4)
    for _, found in ipairs(page) do
      for at, text in ipairs(found[2]) do
        local name = found[2][at - 1]
        if text == id and name == 'i' or name == 'm' and string.find(text, wanted, 1, true) then
          return true
        end
        left.bytes = left.bytes - #text
      end
    end
    left.ready = left.ready - #page
    if #page < 4 then
      return false
    end
    if left.bytes < 0 or left.ready < 0 then
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
  local left = { delayed = MOST_DELAYED, ready = MOST_READY, bytes = MOST_BYTES }
  for at = 1, #list, 3 do
    if is_delayed(list[at + 2], id, left) or is_ready(list[at + 1], id, left) then
      return true
    end
  end
  return false
end
