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
  if #fields == 4 then
    return NONE
  end
  local found = {}
  for at = 5, #fields, 2 do
    found[fields[at]] = fields[at + 1]
  end
  return found
end

local function too_old(extra)
  return age > 0 and extra.a ~= nil and tonumber(extra.a) < ms - age
end

-- Adds events from an id on, until there are enough of them or of their bytes. An event that is too old is not there,
-- or, with `pass`, only a step on the way.
local function read(reply, history, from, count, pass)
  local bytes = 0
  while count > 0 and bytes < LARGEST do
    local events = redis.call('XRANGE', history, from, '+', 'COUNT', math.min(count, 20))
    for _, event in ipairs(events) do
      if bytes < LARGEST then
        local id, fields = event[1], event[2]
        local extra = extras(fields)
        from = '(' .. id
        local old = too_old(extra)
        if pass or not old then
          local name = tagged(id, fields[2], fields[4])
          if old or (extra.x and tonumber(extra.x) <= ms) then
            reply[#reply + 1] = { name, '', '', '' }
          else
            reply[#reply + 1] = { name, extra.c or '', fields[2], fields[4] }
            bytes = bytes + #fields[4]
          end
        end
      end
    end
    if #events < math.min(count, 20) then
      return
    end
    count = count - #events
  end
end

local function item(history, position, count)
  local last = redis.call('XREVRANGE', history, '+', '-', 'COUNT', 1)[1]
  local top = last and tagged(last[1], last[2][2], last[2][4]) or '0-0'
  if position == top then
    return { 'ok', top }
  end
  local reply = { 'ok', top }
  if position == '-' then
    read(reply, history, '-', tonumber(count), true)
    return reply
  end

  local epoch, offset, tag = string.match(position, '^(%d+)-(%d+)(.*)$')
  local top_epoch, top_offset = string.match(top, '^(%d+)-(%d+)')
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
    if not seen or tagged(id, seen[2][2], seen[2][4]) ~= id .. tag then
      return { 'lost', top }
    end
  end
  local first = epoch .. '-' .. string.format('%.0f', offset + 1)
  read(reply, history, first, tonumber(count), false)
  if reply[3] == nil or string.match(reply[3][1], '^%d+%-%d+') ~= first then
    return { 'lost', top }
  end
  return reply
end
