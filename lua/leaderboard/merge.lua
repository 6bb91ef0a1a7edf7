--- Continue the merge of several boards by one step, or begin it.
--
-- Invariant: nobody reads a part of a merge. Its rows are collected in a second set, which takes the place of the merged board in the step
-- that completes it. The score of a row is what the member's scores on all boards gave at one moment after the merge began. A member
-- that is on one and the same board during the whole merge has a row.
--
-- A step reads members of one board that have no row yet, with their scores on all boards, and writes their rows together with the place
-- at which the next step continues. So a process may die after any step, and steps of several processes make one merge. If Redis evicted
-- a key of the merge, or no step followed for a minute, the next one begins anew. The merge stays in the calendar periods in which it began.
-- The end of a merge is kept for a minute, so that it ends for all callers that took part, and none of them begins another one.
-- @batch 1
-- @full refused      it stores rows
-- @include now
-- @include typed
-- @shared keys keys  the merged board, the rows of the merge under way, its progress, and the boards' sorted sets
-- @shared plan       JSON: `best` (else the sum); `reverse` and `limit` as in lua/_lib/leaderboard/board.lua; and for each board of `sources`: `z`, the indexes of the set of the period and of the next one, with `start`, `next` and `finish`, and its `shift` and `reverse`
-- @item arg life     milliseconds after which a merged board expires
-- @item arg joined   microseconds at which the merge began in which the caller takes part; empty in its first step
-- @returns integer|string "+" and the time at which the merge began, when it is not complete: call again with it; that time as a number, when it is outside of the periods that the client sent; else the number of members, and that time in microseconds

-- Members of a page, and reads of scores in a step.
local PAGE, READS = 100, 500
-- Milliseconds after which a merge is forgotten that no step continues.
local PATIENCE = 60000
local LARGEST = 1.7976931348623157e308
-- Microseconds. A server's clock that is set back further lets a merge begin anew.
local DAY = 86400000000

local config = cjson.decode(plan)

-- The set of each board in the period of a time; nil when that is outside of the periods that the client sent; an error for a wrong type.
local function sets_at(time)
  local sets = {}
  for nth, source in ipairs(config.sources) do
    if source.next and (time < source.start or time >= source.finish) then
      return nil
    end
    local set = keys[source.z[source.next and time >= source.next and 2 or 1]]
    local wrong = typed(set, 'zset')
    if wrong then
      return wrong
    end
    sets[nth] = set
  end
  return sets
end

-- The time at which the merge began, the board that is read, and the cursor of its scan. A merge begins anew when these are not what a
-- step wrote.
local function progress_of(rows, progress)
  local saved = redis.call('HMGET', progress, 'at', 'source', 'cursor', 'rows')
  local began, source, cursor = tonumber(saved[1] or ''), tonumber(saved[2] or ''), saved[3] or ''
  local whole = began and began >= 0 and began <= now + DAY and source and source % 1 == 0
  local known = whole and source >= 1 and source <= #config.sources
  if known and string.match(cursor, '^%d+$') and #cursor < 20 and tonumber(saved[4] or '') == redis.call('ZCARD', rows) then
    return began, source, cursor
  end
  return now, 1, '0', true
end

-- The end of the last merge, if it began at a time or later: its number of members and its time.
local function ended_since(progress, time)
  local ended = redis.call('HGET', progress, 'ended') or ''
  local began = tonumber(string.match(ended, '^%d+ (%d+)$') or '')
  return began and began >= time and ended or nil
end

-- The next members of a set that have no row yet, at most `most`, and the cursor behind them.
local function page_of(set, rows, cursor, most)
  local next_cursor, found = unpack(redis.call('ZSCAN', set, cursor, 'COUNT', math.min(PAGE, most)))
  local members = {}
  for at = 1, #found, 2 do
    if not redis.call('ZSCORE', rows, found[at]) then
      if #members == most then
        return members, cursor
      end
      members[#members + 1] = found[at]
    end
  end
  return members, next_cursor
end

-- The sort values of members: those of the merged board without `reverse`. One that is too large is the largest.
local function merged_values(sets, members)
  local values = {}
  for nth, set in ipairs(sets) do
    local source = config.sources[nth]
    for at, text in ipairs(redis.call('ZMSCORE', set, unpack(members))) do
      local value = tonumber(text)
      if value then
        value = source.shift and math.floor(value / source.shift) or value
        value = source.reverse and -value or value
        local before = values[at]
        if not before then
          values[at] = value
        elseif config.best then
          values[at] = math.min(before, value)
        else
          values[at] = before + value
        end
      end
    end
  end
  local most = config.limit or LARGEST
  for at, value in ipairs(values) do
    -- A sum of infinite scores may be no number: it is the last.
    values[at] = value ~= value and most or math.max(-most, math.min(most, value))
  end
  return values
end

local function add(rows, members, values)
  local put = {}
  for at, member in ipairs(members) do
    put[2 * at - 1] = string.format(config.limit and '%d' or '%.17g', config.reverse and -values[at] or values[at])
    put[2 * at] = member
  end
  redis.call('ZADD', rows, unpack(put))
end

-- Puts the rows into the place of the merged board. The old one is unlinked first, because RENAME would free it at once.
local function complete(merged, rows, progress, life, began)
  local members = redis.call('ZCARD', rows)
  redis.call('UNLINK', merged, progress)
  if members > 0 then
    redis.call('RENAME', rows, merged)
    redis.call('PEXPIRE', merged, life)
  end
  local ended = string.format('%d %.0f', members, began)
  redis.call('HSET', progress, 'ended', ended)
  redis.call('PEXPIRE', progress, PATIENCE)
  return ended
end

local function item(life, joined)
  local merged, rows, progress = keys[1], keys[2], keys[3]
  local wrong = typed(merged, 'zset') or typed(rows, 'zset') or typed(progress, 'hash')
  if wrong then
    return wrong
  end
  local ended = joined ~= '' and ended_since(progress, tonumber(joined))
  if ended then
    return ended
  end
  local began, source, cursor, anew = progress_of(rows, progress)
  local sets = sets_at(began)
  if not sets or sets.err then
    return sets or began
  end
  if anew then
    redis.call('UNLINK', rows)
    -- The clock was set back: the end of that merge would count as the end of this one.
    if ended_since(progress, began) then
      redis.call('HDEL', progress, 'ended')
    end
  end
  local most = math.max(10, math.floor(READS / (#sets + 1)))
  local members, next_cursor = page_of(sets[source], rows, cursor, most)
  if #members > 0 then
    add(rows, members, merged_values(sets, members))
  end
  if next_cursor == '0' and (cursor ~= '0' or #members < most) then
    source = source + 1
  end
  if source > #sets then
    return complete(merged, rows, progress, life, began)
  end
  local began_text = string.format('%.0f', began)
  redis.call('HSET', progress, 'at', began_text, 'source', source, 'cursor', next_cursor, 'rows', redis.call('ZCARD', rows))
  redis.call('PEXPIRE', progress, PATIENCE)
  redis.call('PEXPIRE', rows, PATIENCE)
  return '+' .. began_text
end
