-- `rows`: what can be read of one window of a board, by name. Each takes the window and four arguments as text, and gives
-- lines of text, or false when there is nothing to tell: one text is sent and read sooner than a list. Neither members nor
-- their data (JSON) have a line's end in them; a line is empty where there is no value.
--
-- Rows are told as first position, what the first rank counts, member and sort value of each, and the data of each where
-- they are wanted: the client derives the other ranks.
-- @include board
local rows = {}

-- Adds the data of members to lines.
local function add_data(lines, data, members)
  for _, text in ipairs(redis.call('HMGET', data, unpack(members))) do
    lines[#lines + 1] = text or ''
  end
end

-- How many come before a sort value in a style: positions, members with a better score, or better scores.
local function before(plan, window, style, value, position)
  if style == 'ordinal' then
    return position
  end
  local score = board.score(plan, tonumber(value))
  if style == 'dense' then
    return redis.call('ZCOUNT', window.d, '-inf', string.format('(%.17g', score))
  end
  return redis.call('ZCOUNT', window.z, '-inf', string.format('(%.17g', plan.shift and score * plan.shift or score))
end

local function told(plan, window, style, data, position, lines)
  local base = position
  if #lines > 0 then
    base = before(plan, window, style, lines[2], position)
    if data then
      local members = {}
      for at = 1, #lines, 2 do
        members[#members + 1] = lines[at]
      end
      add_data(lines, data, members)
    end
  end
  return string.format('%d\n%d\n', position, base) .. table.concat(lines, '\n')
end

-- The rows at positions from `start` to `stop`.
function rows.range(plan, window, style, data, start, stop)
  return told(plan, window, style, data, tonumber(start), redis.call('ZRANGE', window.z, start, stop, 'WITHSCORES'))
end

-- A member's row and `each` before and after it.
function rows.around(plan, window, style, data, member, each)
  local position = redis.call('ZRANK', window.z, member)
  if not position then
    return false
  end
  return rows.range(plan, window, style, data, math.max(0, position - each), position + each)
end

-- `count` rows from the `from`th (from 0) on of those with a value between two bounds.
function rows.between(plan, window, style, data, low, high, from, count)
  local position = 0
  if low ~= '-inf' then
    position = redis.call('ZCOUNT', window.z, '-inf', '(' .. low)
  end
  local start = position + from
  local stop = math.min(position + redis.call('ZCOUNT', window.z, low, high), start + count) - 1
  if stop < start then
    return told(plan, window, style, data, start, {})
  end
  return rows.range(plan, window, style, data, start, stop)
end

-- A member's sort value and how many come before it; false when it is not there.
local function found(plan, window, style, member)
  local value = redis.call('ZSCORE', window.z, member)
  local position = value and style == 'ordinal' and redis.call('ZRANK', window.z, member)
  return value, value and before(plan, window, style, value, position)
end

-- A member's sort value, rank count and data.
function rows.rank(plan, window, style, data, member)
  local value, count = found(plan, window, style, member)
  if not value then
    return false
  end
  return value .. '\n' .. count .. '\n' .. (data and redis.call('HGET', data, member) or '')
end

-- Sort value and rank count of each of a list of members (JSON), and their data.
function rows.of(plan, window, style, data, members)
  members = cjson.decode(members)
  local lines = {}
  for at, value in ipairs(redis.call('ZMSCORE', window.z, unpack(members))) do
    local position = value and style == 'ordinal' and redis.call('ZRANK', window.z, members[at])
    lines[2 * at - 1] = value or ''
    lines[2 * at] = value and before(plan, window, style, value, position) or ''
  end
  if data then
    add_data(lines, data, members)
  end
  return table.concat(lines, '\n')
end

function rows.count(_, window, _, _, low, high)
  if low == '-inf' and high == '+inf' then
    return tostring(redis.call('ZCARD', window.z))
  end
  return tostring(redis.call('ZCOUNT', window.z, low, high))
end

-- How many members have a better score than a member, and how many there are.
function rows.better(plan, window, _, _, member)
  local value, count = found(plan, window, 'competition', member)
  return value and count .. '\n' .. redis.call('ZCARD', window.z)
end

-- The sort value for which a percentage of the members have no better one.
function rows.quantile(_, window, _, _, percent)
  local count = redis.call('ZCARD', window.z)
  if count == 0 then
    return false
  end
  local exact = percent * count / 100
  local whole = math.floor(exact + 0.5)
  -- A percentage that was made of a whole number of members means that number.
  local wanted = math.abs(exact - whole) <= whole * 1e-14 and whole or math.ceil(exact)
  wanted = math.max(1, wanted)
  return redis.call('ZRANGE', window.z, count - wanted, count - wanted, 'WITHSCORES')[2]
end

-- The next cursor, in which of its periods the window is, and some members with their values in no order.
function rows.scan(_, window, _, _, cursor)
  local reply = redis.call('ZSCAN', window.z, cursor, 'COUNT', 100)
  return string.format('%s\n%d\n', reply[1], window.period) .. table.concat(reply[2], '\n')
end
