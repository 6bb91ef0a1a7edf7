--- Find the entries that have all of some tags, newest first.
--
-- A call reads 1,000 entries of the first tag at most. Tags of entries that are gone are still there.
-- @batch 8
-- @readonly
-- @include stream/sortable
-- @include typed
-- @item key index  sorted set of lua/_lib/stream/tagging.lua
-- @item arg tags   1 to 8 of `name=value`, separated by the byte 1
-- @item arg before id: only entries before it; empty for the newest
-- @item arg count  most entries
-- @returns list    `before` of the next call, empty when nothing is left; then ids

local STEP, ROUNDS = 100, 10

local function item(index, tags, before, count)
  local wrong = typed(index, 'zset')
  if wrong then
    return wrong
  end
  local first, others = string.match(tags, '^([^\1]*)(.*)$')
  local from = before == '' and first .. '\2' or first .. '\1' .. sortable(before)
  local found, most = { '' }, tonumber(count)

  local function has_others(place)
    for tag in string.gmatch(others, '\1([^\1]+)') do
      if not redis.call('ZSCORE', index, tag .. '\1' .. place) then
        return false
      end
    end
    return true
  end

  local last
  for _ = 1, ROUNDS do
    local page = redis.call('ZRANGE', index, '(' .. from, '[' .. first .. '\1', 'BYLEX', 'REV', 'LIMIT', 0, STEP)
    for _, member in ipairs(page) do
      local place = string.sub(member, #first + 2)
      local ms, number = string.match(place, '^%a(%d+)%a(%d+)$')
      if ms and has_others(place) then
        if #found > most then
          found[1] = found[#found]
          return found
        end
        found[#found + 1] = ms .. '-' .. number
      end
      last = ms and ms .. '-' .. number or last
    end
    if #page < STEP then
      return found
    end
    from = page[STEP]
  end
  found[1] = last or ''
  return found
end
