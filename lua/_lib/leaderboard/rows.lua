-- `rows`: the reads of one window of a board, by name. Each takes the window and four arguments as text, and returns lines of
-- text (one text is faster than a list), or false when there is no result. A line is empty where there is no value.
--
-- A reply with rows has the first position, the rank count of the first row, the number of rows, then member and sort value of
-- each, and the data of each if requested. The client derives the other ranks.
--
-- No member that penknife wrote contains a line break. If another program wrote one, there are more lines than the number of
-- rows needs. The client then reads again with `data` 2 or 3 instead of 0 or 1, and members are escaped.
-- @include leaderboard/board
local rows = {}

local ESCAPES = { ['\\'] = '\\\\', ['\n'] = '\\n' }

-- The members among lines of member and sort value.
local function members_of(lines)
  local members = {}
  for at = 1, #lines, 2 do
    members[#members + 1] = lines[at]
  end
  return members
end

-- Escapes the members among lines of member and sort value.
local function escape(lines)
  for at = 1, #lines, 2 do
    lines[at] = string.gsub(lines[at], '[\\\n]', ESCAPES)
  end
end

-- Data as one line: in JSON a line break outside of strings is just white space.
local function line_of(text)
  return text and (string.gsub(text, '\n', ' ')) or ''
end

-- Adds the data of members to lines.
local function add_data(lines, data, members)
  local texts = redis.pcall('HMGET', data, unpack(members))
  if texts.err then
    error({ err = texts.err .. ' (' .. data .. ')' })
  end
  for _, text in ipairs(texts) do
    lines[#lines + 1] = line_of(text)
  end
end

-- The rank count of a sort value in a style: its position, the number of members with a better score, or of better scores.
local function before(plan, window, style, value, position)
  if style == 'ordinal' then
    return position
  end
  local score = board.score(plan, tonumber(value))
  if style == 'dense' then
    return board.count(plan, window.d, false, string.format('(%.17g', score))
  end
  return board.count(plan, window.z, false, string.format('(%.17g', plan.shift and score * plan.shift or score))
end

local function reply_of(plan, window, style, how, position, lines)
  local base, count = position, #lines / 2
  if count > 0 then
    base = before(plan, window, style, lines[2], position)
    local members = how.data and members_of(lines)
    if how.exact then
      escape(lines)
    end
    if members then
      add_data(lines, how.data, members)
    end
  end
  return string.format('%d\n%d\n%d\n', position, base, count) .. table.concat(lines, '\n')
end

-- The rows at positions from `start` to `stop`.
function rows.range(plan, window, style, how, start, stop)
  return reply_of(plan, window, style, how, tonumber(start), board.range(plan, window.z, start, stop))
end

-- A member's row and `each` before and after it. `fill` 1: where one side has fewer, more of the other.
function rows.around(plan, window, style, how, member, each, fill)
  local position = board.position(plan, window.z, member)
  if not position then
    return false
  end
  local start, stop = math.max(0, position - each), position + each
  if fill == '1' then
    start = math.max(0, math.min(start, redis.call('ZCARD', window.z) - 1 - 2 * each))
    stop = start + 2 * each
  end
  return rows.range(plan, window, style, how, start, stop)
end

-- `count` rows from the `from`th (from 0) on, of the rows with a value between the bounds of the best and the worst.
function rows.between(plan, window, style, how, best, worst, from, count)
  local position = 0
  if best ~= (plan.reverse and '+inf' or '-inf') then
    -- A bound that is not included begins with a bracket.
    position = board.count(plan, window.z, false, string.sub(best, 1, 1) == '(' and string.sub(best, 2) or '(' .. best)
  end
  local start = position + from
  local stop = math.min(position + board.count(plan, window.z, best, worst), start + count) - 1
  if stop < start then
    return reply_of(plan, window, style, how, start, {})
  end
  return rows.range(plan, window, style, how, start, stop)
end

-- A member's sort value and rank count; false when it is not on the board.
local function found(plan, window, style, member)
  local value = redis.call('ZSCORE', window.z, member)
  local position = value and style == 'ordinal' and board.position(plan, window.z, member)
  return value, value and before(plan, window, style, value, position)
end

-- A member's sort value, rank count and data.
function rows.rank(plan, window, style, how, member)
  local value, count = found(plan, window, style, member)
  if not value then
    return false
  end
  return value .. '\n' .. count .. '\n' .. (how.data and line_of(redis.call('HGET', how.data, member)) or '')
end

-- Sort value and rank count of each of a list of members (JSON), and their data.
function rows.of(plan, window, style, how, members)
  members = cjson.decode(members)
  local lines = {}
  for at, value in ipairs(redis.call('ZMSCORE', window.z, unpack(members))) do
    local position = value and style == 'ordinal' and board.position(plan, window.z, members[at])
    lines[2 * at - 1] = value or ''
    lines[2 * at] = value and before(plan, window, style, value, position) or ''
  end
  if how.data then
    add_data(lines, how.data, members)
  end
  return table.concat(lines, '\n')
end

-- How many members have a value between the bounds of the best (empty for any) and the worst.
function rows.count(plan, window, _, _, best, worst)
  if best == (plan.reverse and '+inf' or '-inf') and worst == (plan.reverse and '-inf' or '+inf') then
    return tostring(redis.call('ZCARD', window.z))
  end
  return tostring(board.count(plan, window.z, best ~= '' and best, worst))
end

-- How many different scores are better than a bound.
function rows.different(plan, window, _, _, bound)
  return tostring(board.count(plan, window.d, false, bound))
end

local MOST_SUMMED = 1000

-- The sum of all scores, in whole units; false for more members than a call may read.
function rows.sum(plan, window)
  if redis.call('ZCARD', window.z) > MOST_SUMMED then
    return false
  end
  local values, sum = redis.call('ZRANGE', window.z, 0, -1, 'WITHSCORES'), 0
  for at = 2, #values, 2 do
    sum = sum + board.score(plan, tonumber(values[at]))
  end
  return string.format('%.17g', sum)
end

-- How many members have a worse score than a member, and how many there are.
function rows.worse(plan, window, _, _, member)
  local value = redis.call('ZSCORE', window.z, member)
  if not value then
    return false
  end
  local last = tonumber(value)
  if plan.shift then
    last = board.score(plan, last) * plan.shift + plan.shift - 1
  end
  return board.count(plan, window.z, string.format('(%.17g', last), false) .. '\n' .. redis.call('ZCARD', window.z)
end

-- How many members have a better score than a member, and how many there are.
function rows.better(plan, window, _, _, member)
  local value, count = found(plan, window, 'competition', member)
  return value and count .. '\n' .. redis.call('ZCARD', window.z)
end

-- A number that was computed from a whole one is rounded to that.
local function snapped(exact)
  local whole = math.floor(exact + 0.5)
  return math.abs(exact - whole) <= whole * 1e-14 and whole or exact
end

-- The two sort values between which a percentage of the way from the worst to the best member ends, and how far it goes from
-- the first to the second.
function rows.interpolated(plan, window, _, _, percent)
  local last = redis.call('ZCARD', window.z) - 1
  if last < 0 then
    return false
  end
  local exact = snapped(percent * last / 100)
  local below = math.floor(exact)
  local position = last - below
  local values = board.range(plan, window.z, math.max(0, position - 1), position)
  return values[#values] .. '\n' .. values[2] .. '\n' .. string.format('%.17g', exact - below)
end

-- The sort value for which a percentage of the members have no better one.
function rows.quantile(plan, window, _, _, percent)
  local count = redis.call('ZCARD', window.z)
  if count == 0 then
    return false
  end
  local wanted = math.max(1, math.ceil(snapped(percent * count / 100)))
  return board.range(plan, window.z, count - wanted, count - wanted)[2]
end

-- The next cursor, the current one of the two periods, the number of members, and the members with their values, in no order.
function rows.scan(_, window, _, how, cursor)
  local next_cursor, lines = unpack(redis.call('ZSCAN', window.z, cursor, 'COUNT', 100))
  local count = #lines / 2
  if how.exact then
    escape(lines)
  end
  return string.format('%s\n%d\n%d\n', next_cursor, window.period, count) .. table.concat(lines, '\n')
end

-- How to read, for the client's `data` argument.
local PLAIN, EXACT = {}, { exact = true }
function rows.how(data, key)
  if data == '0' then
    return PLAIN
  end
  return data == '2' and EXACT or { data = key, exact = data == '3' }
end
