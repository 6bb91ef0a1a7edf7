--- Read a channel's events after a position.
--
-- The position is lost when its epoch is not the history's, when it lies after the last event, when another event
-- stands at its offset, or when that event or the one after it is not there any more.
-- @batch 1
-- @readonly
-- @include now
-- @include tagged
-- @shared age        milliseconds that an event is kept; 0 for no such bound
-- @item key history  stream
-- @item arg position <epoch>-<offset>-<tag>; 0-0 before any event; - for the oldest event kept
-- @item arg count    events at the most
-- @returns list      'ok' or 'lost', the last event's id or 0-0, then of each event its id, what it coalesces with or
--                    nothing, type and data (both empty when it is not worth reading any more); about 128 KiB

local ms = math.floor(now / 1000)
age = tonumber(age)

local LARGEST = 131072

local NONE = {}

local function extras(fields)
  if #fields == 6 then
    return NONE
  end
  local found = {}
  for at = 7, #fields, 2 do
    found[fields[at]] = fields[at + 1]
  end
  return found
end

local function too_old(extra)
  return age > 0 and extra.a ~= nil and tonumber(extra.a) < ms - age
end

-- Adds events from an id on, until there are enough of them or of their bytes. The first is not too old, so none is.
local function read(reply, history, from, count)
  local bytes = 0
  while count > 0 and bytes < LARGEST do
    local events = redis.call('XRANGE', history, from, '+', 'COUNT', math.min(count, 20))
    for _, event in ipairs(events) do
      if bytes < LARGEST then
        local id, fields = event[1], event[2]
        local extra = extras(fields)
        from = '(' .. id
        local name = tagged(event)
        if extra.x and tonumber(extra.x) <= ms then
          reply[#reply + 1] = { name, '', '', '' }
        else
          reply[#reply + 1] = { name, extra.c or '', fields[2], fields[4] }
          bytes = bytes + #fields[4]
        end
      end
    end
    if #events < math.min(count, 20) then
      return
    end
    count = count - #events
  end
end

-- The id of the oldest event that is not too old, or nothing. Offsets have no gaps, so it is found by halving: at most
-- 20 reads for a million events.
local function oldest(history, epoch, last)
  local first = redis.call('XRANGE', history, '-', '+', 'COUNT', 1)[1]
  if not too_old(extras(first[2])) then
    return first[1]
  end
  local old = tonumber(string.match(first[1], '%d+$'))
  local kept = last + 1
  while kept - old > 1 do
    local middle = math.floor((old + kept) / 2)
    local id = epoch .. '-' .. string.format('%.0f', middle)
    if too_old(extras(redis.call('XRANGE', history, id, '+', 'COUNT', 1)[1][2])) then
      old = middle
    else
      kept = middle
    end
  end
  return kept <= last and epoch .. '-' .. string.format('%.0f', kept) or nil
end

local function item(history, position, count)
  local last = redis.call('XREVRANGE', history, '+', '-', 'COUNT', 1)[1]
  local top = last and tagged(last) or '0-0'
  local reply = { 'ok', top }
  if position == top or (position == '-' and not last) then
    return reply
  end
  local top_epoch, top_offset = string.match(top, '^(%d+)-(%d+)')
  if position == '-' then
    local first = oldest(history, top_epoch, tonumber(top_offset))
    if first then
      read(reply, history, first, tonumber(count))
    end
    return reply
  end

  local epoch, offset = string.match(position, '^(%d+)-(%d+)')
  offset = tonumber(offset)
  if position == '0-0' then
    epoch = top_epoch
  end
  if epoch ~= top_epoch or offset >= tonumber(top_offset) then
    return { 'lost', top }
  end
  if offset > 0 then
    local id = epoch .. '-' .. string.format('%.0f', offset)
    local seen = redis.call('XRANGE', history, id, id)[1]
    if not seen or tagged(seen) ~= position then
      return { 'lost', top }
    end
  end
  local first = epoch .. '-' .. string.format('%.0f', offset + 1)
  local next = redis.call('XRANGE', history, first, first)[1]
  if not next or too_old(extras(next[2])) then
    return { 'lost', top }
  end
  read(reply, history, first, tonumber(count))
  return reply
end
