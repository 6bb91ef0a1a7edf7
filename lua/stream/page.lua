--- Read a page of entries: at most `count` entries and, beyond the first one, at most `bytes` of fields.
--
-- It reads two entries first. Then it reads 16 at a time, or as many as fit if they are as large as the ones before.
-- @batch 1
-- @readonly
-- @item key stream  stream
-- @item arg first   id to begin with, with a leading ( to exclude it; - or +
-- @item arg last    id to end with
-- @item arg count   most entries
-- @item arg bytes   most bytes of their fields
-- @item arg order   XRANGE or XREVRANGE
-- @returns list     1 when there may be more, else 0; then id and fields of each entry

local STEP = 16

local function size(fields)
  local sum = 0
  for _, text in ipairs(fields) do
    sum = sum + #text
  end
  return sum
end

local function item(stream, first, last, count, bytes, order)
  local page, room, left = { 1 }, tonumber(bytes), tonumber(count)
  local step = 2
  for _ = 1, left do
    step = math.min(step, left)
    local found = redis.call(order, stream, first, last, 'COUNT', step)
    for _, entry in ipairs(found) do
      room = room - size(entry[2])
      if room < 0 and #page > 1 then
        return page
      end
      page[#page + 1] = entry
    end
    if #found < step then
      page[1] = 0
      return page
    end
    first = '(' .. found[step][1]
    left = left - step
    if left == 0 then
      return page
    end
    -- Reads one entry more than fits: it ends the page.
    local each = math.max(1, (bytes - room) / (#page - 1))
    step = math.max(1, math.min(STEP, math.floor(room / each) + 1))
  end
  return page
end
